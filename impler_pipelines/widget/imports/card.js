/** One import job of the list. */

import { html, useState } from "../vendor/preact-htm.js";
import { useFocusOn } from "../parts/hooks.js";
import { isWebAddress, shortAddress } from "../parts/links.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { Failure } from "../parts/reasons.js";
import { isUnderWay, runWords } from "../parts/runs.js";
import { useShell } from "../parts/shell.js";
import { sentence } from "../steps/schedule_fields.js";

/**
 * @param {{job: object, run: object|null, onChanged: () => Promise<void>,
 *   onDeleted: () => Promise<void>, onEdit: () => Promise<void>, onHistory: () => void}} props `run` is
 *   its latest
 */
export function ImportCard({ job, run, onChanged, onDeleted, onEdit, onHistory }) {
  const { t, api, format } = useShell();
  const [isBusy, setBusy] = useState(false);
  const [isDeleting, setDeleting] = useState(false);
  const [problem, setProblem] = useState(null);
  const name = job.fileName || shortAddress(job.url);
  const isRunning = run && isUnderWay(run);

  async function act(ask, after = onChanged) {
    setBusy(true);
    setProblem(null);
    try {
      await ask();
      await after();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  }

  const action = (key, onClick) => html`
    <button
      type="button" class="button small" disabled=${isBusy} aria-label=${t(`imports.${key}.of`, { name })}
      onClick=${onClick}
    >
      ${t(`imports.${key}`)}
    </button>
  `;
  const isFile = Boolean(job.fileName);
  const canRun = ["RUNNING", "COMPLETED", "SCHEDULING"].includes(job.status) && !isRunning;
  return html`
    <li class="card" aria-labelledby=${`name-${job._id}`}>
      <div class="card-head">
        <h2 id=${`name-${job._id}`} dir="ltr">
          ${isWebAddress(job.url || "")
            ? html`<a href=${job.url} target="_blank" rel="noopener noreferrer">${name}</a>`
            : name}
        </h2>
        <${Status} job=${job} run=${run} />
      </div>
      ${!isFile && html`<p class="card-when">${sentence(t, format, job)}</p>`}
      ${isRunning
        ? html`
            <p class="card-now" role="status"><span class="dot" aria-hidden="true" /> ${runWords(t, run)}</p>
          `
        : html`<${Facts} job=${job} />`}
      ${job.lastError && !isRunning && html`
        <${Notice} tone="warning" title=${job.failingSince
          ? t("imports.failingSince", { moment: format.moment(job.failingSince) })
          : t("imports.lastError")}>
          <${Failure} error=${job.lastError} cause=${job.lastErrorCause} />
        <//>
      `}
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
      ${isDeleting
        ? html`
            <${Deletion}
              name=${name} isBusy=${isBusy} onKeep=${() => setDeleting(false)}
              onDelete=${() => act(() => api.deleteImportJob(job._id), onDeleted)}
            />
          `
        : html`
            <div class="card-actions">
              ${canRun && action(isFile ? "runAgain" : "runNow", () => act(() => api.runNow(job._id)))}
              ${job.status === "RUNNING" && !isFile && action("pause", () => act(() => api.pause(job._id)))}
              ${job.status === "PAUSED" && action("resume", () => act(() => api.resume(job._id)))}
              ${!isFile && action("edit", () => act(onEdit, () => {}))}
              ${action("history", onHistory)}
              ${action("delete", () => setDeleting(true))}
            </div>
          `}
    </li>
  `;
}

function Status({ job, run }) {
  const { t } = useShell();
  const isFailing = job.consecutiveFailures > 0 && job.status === "RUNNING";
  const state = run && isUnderWay(run) ? "BUSY" : isFailing ? "FAILING" : job.status;
  return html`<span class=${`badge ${state.toLowerCase()}`}>${t(`status.${state}`)}</span>`;
}

/** Last run, next run, counts. */
function Facts({ job }) {
  const { t, format } = useShell();
  const { lastRun, nextRun } = job;
  return html`
    <dl class="facts">
      <div>
        <dt>${t("imports.lastRun")}</dt>
        <dd title=${lastRun ? format.moment(lastRun) : null}>
          ${lastRun ? format.fromNow(lastRun) : t("imports.never")}
        </dd>
      </div>
      ${!job.fileName && html`
        <div>
          <dt>${t("imports.nextRun")}</dt>
          <dd title=${nextRun ? format.momentIn(nextRun, job.timezone) : null}>
            ${nextRun ? format.fromNow(nextRun) : t("imports.none")}
          </dd>
        </div>
      `}
      ${job.totalRecords !== null && html`
        <div><dt>${t("imports.valid")}</dt><dd>${format.number(job.validRecords ?? 0)}</dd></div>
        <div class=${job.invalidRecords > 0 ? "bad" : ""}>
          <dt>${t("imports.refused")}</dt><dd>${format.number(job.invalidRecords ?? 0)}</dd>
        </div>
      `}
    </dl>
  `;
}

function Deletion({ name, isBusy, onKeep, onDelete }) {
  const { t } = useShell();
  const keep = useFocusOn("deletion", { alsoFirst: true });
  return html`
    <div class="confirmation" role="group" aria-label=${t("imports.delete.of", { name })}>
      <p>${t("imports.delete.ask")}</p>
      <div class="buttons">
        <button type="button" class="button small danger" disabled=${isBusy} onClick=${onDelete}>
          ${t("imports.delete.yes")}
        </button>
        <button type="button" class="button small" ref=${keep} onClick=${onKeep}>
          ${t("imports.delete.no")}
        </button>
      </div>
    </div>
  `;
}
