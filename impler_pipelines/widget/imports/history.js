/** The runs of an import job, newest first, each with what it refused. */

import { html, useState } from "../vendor/preact-htm.js";
import { useFocusOn, usePolling } from "../parts/hooks.js";
import { Icon } from "../parts/icons.js";
import { shortAddress } from "../parts/links.js";
import { CloseButton, Skeleton } from "../parts/loading.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { Failure } from "../parts/reasons.js";
import { Rejects } from "../parts/rejects.js";
import { isUnderWay, RunCounts, runWords } from "../parts/runs.js";
import { useShell } from "../parts/shell.js";

const PAGE = 20;
const WHILE_RUNNING = 2;
const OTHERWISE = 20;

export function History({ job, onLeave }) {
  const { t, api, isDialog, close } = useShell();
  const [runs, setRuns] = useState(null);
  const [next, setNext] = useState(null);
  const [problem, setProblem] = useState(null);
  const heading = useFocusOn("history", { alsoFirst: true });
  const isRunning = (runs || []).some(isUnderWay);

  async function load() {
    const page = await api.runs(job._id, { limit: Math.max(PAGE, runs?.length || 0) });
    setRuns(page.items);
    setNext(page.next);
    setProblem(null);
  }
  async function loadMore() {
    try {
      const page = await api.runs(job._id, { limit: PAGE, cursor: next });
      setRuns([...runs, ...page.items]);
      setNext(page.next);
    } catch (error) {
      setProblem(error);
    }
  }
  const reload = () => load().catch(setProblem);
  usePolling(problem?.status !== 401, isRunning ? WHILE_RUNNING : OTHERWISE, load, setProblem);

  return html`
    <div class="frame">
      <header class="frame-head list-head">
        <button type="button" class="icon-button back" aria-label=${t("history.back")} onClick=${onLeave}>
          <${Icon} name="arrow" />
        </button>
        <div class="frame-title">
          <h1 tabindex="-1" ref=${heading}>${t("history.title")}</h1>
          <p class="hint" dir="ltr">${job.fileName || shortAddress(job.url)}</p>
        </div>
        ${isDialog && html`<${CloseButton} onClick=${close} />`}
      </header>
      <main class="frame-main" aria-busy=${String(!runs)}>
        ${problem && html`<${ProblemNotice} problem=${problem} onRetry=${reload} />`}
        ${!runs && !problem && html`<${Skeleton} lines=${4} tall />`}
        ${runs && runs.length === 0 && html`<p class="panel empty">${t("history.empty")}</p>`}
        ${runs && runs.length > 0 && html`
          <ol class="cards">
            ${runs.map((run, index) => html`
              <${RunCard} key=${run._id} job=${job} run=${run} isLatest=${index === 0} onChanged=${reload} />
            `)}
          </ol>
        `}
        ${next && html`<button type="button" class="button" onClick=${loadMore}>${t("action.more")}</button>`}
      </main>
    </div>
  `;
}

function RunCard({ job, run, isLatest, onChanged }) {
  const { t, api, format } = useShell();
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState(null);
  const begun = run.startedAt || run.dueAt;

  async function act(ask) {
    setProblem(null);
    try {
      await ask(job._id, run._id);
      await onChanged();
    } catch (error) {
      setProblem(error);
    }
  }

  return html`
    <li class="card run">
      <div class="card-head">
        <h2>${begun ? format.moment(begun) : t("history.soon")}</h2>
        <span class=${`badge ${run.status.toLowerCase()}`}>${t(`run.status.${run.status}`)}</span>
      </div>
      <p class="card-when">
        ${t(`run.trigger.${run.trigger}`)}
        ${run.startedAt && run.endedAt && html` · ${format.duration(run.startedAt, run.endedAt)}`}
        ${run.bytes > 0 && html` · ${format.bytes(run.bytes)}`}
      </p>
      <p role=${isUnderWay(run) ? "status" : null}>${runWords(t, run)}</p>
      <${RunCounts} run=${run} />
      ${run.error && html`
        <${Notice} tone="danger" title=${t("run.reason")}>
          <${Failure} error=${run.error} cause=${run.errorCause} />
        <//>
      `}
      ${run.warnings.length > 0 && html`
        <${Notice} tone="warning" title=${t("run.warnings")}>
          <ul>${run.warnings.map((warning) => html`<li key=${warning} lang="en">${warning}</li>`)}</ul>
        <//>
      `}
      ${problem && html`<${ProblemNotice} problem=${problem} />`}
      <div class="card-actions">
        ${run.invalid > 0 && html`
          <button type="button" class="button small" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>
            ${t(isOpen ? "history.hideRejects" : "history.showRejects")}
          </button>
        `}
        ${isUnderWay(run) && html`
          <button type="button" class="button small" onClick=${() => act(api.cancelRun)}>${t("run.cancel")}</button>
        `}
        ${isLatest && run.status === "FAILED" && html`
          <button type="button" class="button small" onClick=${() => act(api.retryRun)}>${t("run.retry")}</button>
        `}
      </div>
      ${isOpen && html`<${Rejects} job=${job} run=${run} />`}
    </li>
  `;
}
