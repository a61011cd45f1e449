/** Sends what the steps have gathered: a new import job, a changed one, or a file's mapping. */

import { authHeader } from "./auth.js";
import { mappingList } from "./headings.js";
import { scheduleBody } from "./schedule_fields.js";

/**
 * @param {import("../parts/shell.js").Shell} shell
 * @param {{draft: import("./draft.js").Draft, auth: import("./auth.js").AuthFields, edited?: object}} steps
 * @returns {Promise<{kind: "created"|"changed"|"uploaded", job: object, runs: boolean}>} `runs`: a run
 *   of it begins now
 */
export async function saveImport({ api, session, extra }, { draft, auth, edited }) {
  const mappings = mappingList(session.columns, draft.mappings);
  if (draft.uploadId) {
    await api.replaceMappings(draft.uploadId, mappings);
    return { kind: "uploaded", job: await api.importJob(draft.uploadId), runs: true };
  }
  const recordPath = draft.recordPath || draft.feed.recordPath;
  const source = { url: draft.feedUrl, ...authHeader(draft.authKind, auth), ...(recordPath && { recordPath }) };
  const schedule = scheduleBody(draft.schedule);
  if (edited) {
    const body = changes(edited, draft, { source, mappings, schedule });
    const job = Object.keys(body).length ? await api.changeImportJob(edited.job._id, body) : edited.job;
    return { kind: "changed", job, runs: false };
  }
  const body = { ...source, mappings, ...schedule, runNow: draft.runNow, ...(extra && { extra }) };
  const job = await api.createImportJob(session._templateId, body);
  return { kind: "created", job, runs: draft.runNow && job.status === "RUNNING" };
}

/** The part of an import job's body that differs from what it was when its steps were opened. */
function changes({ draft: before }, draft, { source, mappings, schedule }) {
  const differs = (one, other) => JSON.stringify(one) !== JSON.stringify(other);
  return {
    // Together, so that a mapping of the feed as it is now is never held against the old one.
    ...(draft.isReadAnew && source),
    ...((draft.isReadAnew || differs(draft.mappings, before.mappings)) && { mappings }),
    ...((!before.isScheduled || differs(draft.schedule, before.schedule)) && { endsOn: null, ...schedule }),
  };
}

/**
 * What the API refused, by field as the steps name them: `mappings.3.path` is `mappings.<key>`.
 * @param {{key: string}[]} mappings as they were sent
 */
export function placedProblems(problem, mappings) {
  const found = {};
  for (const { field, message } of problem.details || []) {
    const [first, index] = field.split(".");
    const key = first === "mappings" && mappings[Number(index)]?.key;
    found[key ? `mappings.${key}` : field] = message;
  }
  return found;
}
