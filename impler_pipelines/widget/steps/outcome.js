/** After the last step: the first run until its rows are in, and a clear end. */

import { html, useState } from "../vendor/preact-htm.js";
import { usePolling } from "../parts/hooks.js";
import { Icon } from "../parts/icons.js";
import { Progress } from "../parts/loading.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { Failure } from "../parts/reasons.js";
import { Rejects } from "../parts/rejects.js";
import { isUnderWay, RunCounts, runWords } from "../parts/runs.js";
import { useShell } from "../parts/shell.js";

const EVERY_SECONDS = 1.5;

/**
 * @param {{kind: "created"|"changed"|"uploaded", job: object, runs: boolean, heading: object,
 *   onDone: () => void}} props
 */
export function Outcome({ kind, job, runs, heading, onDone }) {
  const { t, api } = useShell();
  const [isRunning, setRunning] = useState(runs);
  const [run, setRun] = useState(null);
  const [problem, setProblem] = useState(null);

  usePolling(isRunning && problem?.status !== 401, EVERY_SECONDS, async () => {
    const [latest] = (await api.runs(job._id, { limit: 1 })).items;
    setProblem(null);
    setRun(latest || null);
    if (latest && !isUnderWay(latest)) setRunning(false);
  }, setProblem);

  async function start(ask) {
    setProblem(null);
    try {
      setRun(await ask());
      setRunning(true);
    } catch (error) {
      setProblem(error);
    }
  }

  const state = !runs && !run ? "set" : isRunning || !run ? "running" : run.status;
  const isGood = ["set", "SUCCESS", "UNCHANGED"].includes(state);
  const mark = state === "running" ? "running" : isGood ? "good" : "bad";
  return html`
    <div class="frame-form">
      <main class="frame-main narrow outcome">
        <span class=${`outcome-mark ${mark}`} aria-hidden="true">
          ${state !== "running" && html`<${Icon} name=${isGood ? "check" : "alert"} />`}
        </span>
        <h1 tabindex="-1" ref=${heading}>${titleOf(t, kind, state)}</h1>
        <div role="status">
          ${state === "running" && html`<p class="lead">${run ? runWords(t, run) : t("run.waiting")}</p>`}
          ${run && state !== "running" && html`<p class="lead">${runWords(t, run)}</p>`}
        </div>
        ${state === "running" && !problem && html`<${Progress} share=${null} label=${t("run.label")} />`}
        ${run && state === "SUCCESS" && html`<${RunCounts} run=${run} />`}
        ${run?.error && !isGood && state !== "running" && html`
          <${Notice} tone="danger" title=${t("run.reason")}>
            <${Failure} error=${run.error} cause=${run.errorCause} />
          <//>
        `}
        ${state === "FAILED" && html`
          <button type="button" class="button" onClick=${() => start(() => api.retryRun(job._id, run._id))}>
            ${t("run.retry")}
          </button>
        `}
        ${problem && html`<${ProblemNotice} problem=${problem} onRetry=${() => setProblem(null)} />`}
        ${run && run.invalid > 0 && state !== "running" && html`<${Rejects} job=${job} run=${run} />`}
        <${Ahead} kind=${kind} job=${job} />
        ${kind === "changed" && !run && html`
          <button type="button" class="button" onClick=${() => start(() => api.runNow(job._id))}>
            ${t("run.now")}
          </button>
        `}
      </main>
      <footer class="frame-foot">
        <p class="foot-note">${state === "running" ? t("outcome.mayLeave") : ""}</p>
        <button type="button" class="button primary" onClick=${onDone}>${t("action.done")}</button>
      </footer>
    </div>
  `;
}

function titleOf(t, kind, state) {
  if (state === "set") return t(kind === "changed" ? "outcome.changed" : "outcome.set");
  return t(`outcome.${state}`);
}

/** When it runs next. */
function Ahead({ kind, job }) {
  const { t, format } = useShell();
  if (kind === "uploaded") return null;
  return html`
    <p class="next-run">
      <${Icon} name="clock" />
      ${job.nextRun
        ? t("outcome.next", { moment: format.momentIn(job.nextRun, job.timezone), away: format.fromNow(job.nextRun) })
        : t(`status.${job.status}.means`)}
    </p>
  `;
}
