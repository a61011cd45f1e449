/** Sends a file of a manual template, and makes a draft's part of the answer. It shows nothing. */

import { startingMappings } from "./headings.js";

/**
 * The file is sent with no mapping, so that its run waits until the user has seen a preview. What
 * the user's last file was mapped to is looked up before, since it is forgotten by that.
 *
 * @param {import("../parts/shell.js").Shell} shell
 * @param {File} file
 * @param {{before: object, recordPath?: string, onProgress: (share: number) => void,
 *   signal: AbortSignal}} options `before`: mappings of this draft
 */
export async function uploadFile({ api, session, extra }, file, { before, recordPath, onProgress, signal }) {
  const former = Object.keys(before).length ? before : await formerMappings(api, session);
  const fields = {
    externalUserId: session.externalUserId,
    mappings: "[]",
    ...(extra && { extra: typeof extra === "string" ? extra : JSON.stringify(extra) }),
    ...(recordPath && { recordPath }),
  };
  const job = await api.upload(session._templateId, file, fields, { onProgress, signal });
  const suggestions = (await api.mappings(job._id)).map(
    ({ key, suggestedPath }) => ({ key, path: suggestedPath }),
  );
  const feed = feedOf(job, suggestions);
  return { uploadId: job._id, fileName: file.name, feed, mappings: startingMappings(former, feed) };
}

/** What an import job knows of its feed, in the shape in which one is inspected. */
export function feedOf(job, suggestions) {
  const most = Math.max(0, ...job.headings.map((heading) => heading.count));
  const { recordPath, headings } = job;
  return { recordPath, recordCount: most, candidates: [], headings, suggestions, warnings: [] };
}

async function formerMappings(api, session) {
  const { items } = await api.importJobs(session.externalUserId);
  const former = items.find((job) => job.fileName);
  return former ? mappingsByKey(await api.mappings(former._id)) : {};
}

/** The answer of `GET …/mappings` by column. */
export function mappingsByKey(list) {
  const mappings = {};
  for (const { key, path, repeated } of list) {
    if (path !== null) mappings[key] = { path, repeated: repeated || "first" };
  }
  return mappings;
}
