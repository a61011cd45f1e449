/** Opens an import job in the steps: what it has becomes a draft. */

import { emptyDraft } from "../steps/draft.js";
import { scheduleOf } from "../steps/schedule_fields.js";
import { feedOf, mappingsByKey } from "../steps/uploading.js";

/** @returns {Promise<{job: object, draft: import("../steps/draft.js").Draft}>} */
export async function editedImport(api, jobId) {
  const [job, list] = await Promise.all([api.importJob(jobId), api.mappings(jobId)]);
  const suggestions = list.map(({ key, suggestedPath }) => ({ key, path: suggestedPath }));
  return {
    job,
    draft: {
      ...emptyDraft(),
      step: "configure",
      url: job.url,
      feedUrl: job.url,
      recordPath: job.recordPath,
      feed: feedOf(job, suggestions),
      mappings: mappingsByKey(list),
      schedule: scheduleOf(job),
      isScheduled: Boolean(job.interval || job.cron),
    },
  };
}
