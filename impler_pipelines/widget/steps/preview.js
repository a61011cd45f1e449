/** The first records as they will be loaded, and which of them are refused and why. */

import { html, useMemo } from "../vendor/preact-htm.js";
import { Skeleton } from "../parts/loading.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { useAnswer } from "../parts/hooks.js";
import { allReasons } from "../parts/reasons.js";
import { RecordTable } from "../parts/record_table.js";
import { useShell } from "../parts/shell.js";
import { authHeader } from "./auth.js";
import { mappingList } from "./headings.js";

const FIRST_RECORDS = 50;
const WAIT = 350;
const REASONS = 5;

export function Preview({ draft, auth, edited }) {
  const { t, api, session } = useShell();
  const mappings = mappingList(session.columns, draft.mappings);
  const { recordPath } = draft;
  const body = { mappings, limit: FIRST_RECORDS, firstRecords: FIRST_RECORDS, ...(recordPath && { recordPath }) };
  // Of an import job that is edited the server knows secrets and headings, until its feed is read anew.
  const jobId = draft.uploadId || (edited && !draft.isReadAnew && edited.job._id);
  const key = mappings.length ? JSON.stringify([body, draft.feedUrl, draft.uploadId]) : null;
  const { answer, problem, isAsking, again } = useAnswer(key, WAIT, (signal) => jobId
    ? api.previewImportJob(jobId, body, signal)
    : api.previewFeed({
      ...body, templateId: session._templateId, url: draft.feedUrl, ...authHeader(draft.authKind, auth),
    }, signal));
  const records = useMemo(() => answer && inFeedOrder(answer), [answer]);

  return html`
    <section aria-labelledby="preview-title" aria-busy=${String(isAsking)}>
      <div class="section-head">
        <h2 id="preview-title">${t("preview.title")}</h2>
        <p class="section-more" role="status">
          ${answer && !isAsking && html`<${Counts} answer=${answer} />`}
          ${isAsking && t("preview.asking")}
        </p>
      </div>
      <div class=${isAsking && answer ? "preview stale" : "preview"}>
        ${key === null && html`<p class="panel empty">${t("preview.empty")}</p>`}
        ${problem && html`<${ProblemNotice} problem=${problem} title=${t("preview.failed")} onRetry=${again} />`}
        ${isAsking && !answer && html`<${Skeleton} lines=${6} tall />`}
        ${answer && records.length === 0 && html`<p class="panel empty">${t("preview.noRecords")}</p>`}
        ${answer && records.length > 0 && html`
          <${RecordTable} columns=${session.columns} records=${records} />
          <${Reasons} rejects=${answer.rejects} count=${answer.invalid} columns=${session.columns} />
        `}
        ${answer?.warnings.length > 0 && html`
          <${Notice} tone="warning" title=${t("preview.warnings")}>
            <ul>${answer.warnings.map((warning) => html`<li key=${warning} lang="en">${warning}</li>`)}</ul>
          <//>
        `}
      </div>
    </section>
  `;
}

function Counts({ answer }) {
  const { t } = useShell();
  return html`
    <span>${t(answer.isPartial ? "preview.first" : "record.count", { count: answer.records })}</span>
    <span class="count good">${t("preview.valid", { count: answer.valid })}</span>
    ${answer.invalid > 0 && html`<span class="count bad">${t("preview.refused", { count: answer.invalid })}</span>`}
    ${answer.filtered > 0 && html`<span class="count">${t("preview.filtered", { count: answer.filtered })}</span>`}
  `;
}

/** Why records are refused, in sentences: what the table marks, for everyone to read. */
function Reasons({ rejects, count, columns }) {
  const { t } = useShell();
  if (!rejects.length) return null;
  const shown = rejects.slice(0, REASONS);
  return html`
    <div class="reasons">
      <h3>${t("preview.reasons", { count })}</h3>
      <ul>
        ${shown.map((reject) => html`
          <li key=${reject.index}>
            <span class="reason-record">${t("preview.record", { number: reject.index + 1 })}</span>
            <bdi>${allReasons(t, columns, reject.errors)}</bdi>
          </li>
        `)}
      </ul>
      ${count > shown.length && html`<p class="hint">${t("preview.more", { count: count - shown.length })}</p>`}
      <p class="hint">${t("preview.refusedMeans")}</p>
    </div>
  `;
}

/**
 * Rows and rejects as one list, in the feed's order.
 * @returns {{index: number, values: object, errors: object[]}[]}
 */
function inFeedOrder({ rows, indexes, rejects }) {
  const valid = rows.map((values, at) => ({ index: indexes[at], values, errors: [] }));
  const refused = rejects.map(({ index, record, errors }) => ({ index, values: record, errors }));
  return [...valid, ...refused].sort((one, other) => one.index - other.index);
}
