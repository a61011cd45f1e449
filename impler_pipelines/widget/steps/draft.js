/**
 * What a user has entered so far, kept over a reload for this tab alone. Never kept: the session's
 * token, and values of the feed's authentication.
 *
 * @typedef {{
 *   step: string,
 *   url: string,
 *   authKind: "none"|"basic"|"bearer"|"header",
 *   recordPath: string|null,              the user's choice, null: what is detected
 *   feed: object|null,                    what the feed holds (FeedRead), of `feedUrl`
 *   feedUrl: string|null,
 *   isReadAnew: boolean,                  in these steps, and not when the edited import job was made
 *   mappings: Record<string, {path: string, repeated: string}|null>,
 *   schedule: import("./schedule_fields.js").ScheduleFields,
 *   isScheduled: boolean,                 the schedule has been looked at and taken
 *   runNow: boolean,
 *   fileName: string|null, uploadId: string|null,   manual mode: the uploaded file's import job
 * }} Draft
 */

import { withoutUserinfo } from "./auth.js";
import { defaultSchedule } from "./schedule_fields.js";

/** @returns {Draft} */
export const emptyDraft = () => ({
  step: "",
  url: "",
  authKind: "none",
  recordPath: null,
  feed: null,
  feedUrl: null,
  isReadAnew: false,
  mappings: {},
  schedule: defaultSchedule(),
  isScheduled: false,
  runNow: true,
  fileName: null,
  uploadId: null,
});

/** Where a draft is kept: one for each template, user and import job that is edited. */
export const draftKey = (session, jobId) =>
  ["impler", session._templateId, session.externalUserId, jobId || "new"].join(":");

export function keptDraft(key) {
  try {
    const text = window.sessionStorage.getItem(key);
    return text && { ...emptyDraft(), ...JSON.parse(text) };
  } catch {
    return null; // Storage is closed to frames of other sites in some browsers: nothing is kept.
  }
}

export function keepDraft(key, draft) {
  try {
    // An address that is being typed may hold a password still.
    const kept = { ...draft, url: withoutUserinfo(draft.url) };
    window.sessionStorage.setItem(key, JSON.stringify(kept));
  } catch {
    // As above, or a feed with more headings than fits: it is read again after a reload.
  }
}

export function dropDraft(key) {
  try {
    window.sessionStorage.removeItem(key);
  } catch {
    // As above.
  }
}
