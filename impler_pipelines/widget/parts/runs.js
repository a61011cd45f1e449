/** Runs in words and numbers. */

import { html } from "../vendor/preact-htm.js";
import { useShell } from "./shell.js";

export const isUnderWay = (run) => run.status === "QUEUED" || run.status === "RUNNING";

/** What a run does, or did, in a sentence. */
export function runWords(t, run) {
  switch (run.status) {
    case "QUEUED":
      return run.waitsFor ? t("run.waitsFor", { host: run.waitsFor }) : t("run.waiting");
    case "RUNNING":
      return run.records == null ? t("run.running") : t("run.running.records", { count: run.records });
    case "SUCCESS":
      return t("run.success", { count: run.valid ?? 0 });
    default:
      return t(`run.${run.status}`);
  }
}

const COUNTS = ["inserted", "updated", "unchanged", "deleted", "filtered", "invalid"];

/** The counts of a run that loaded: those that say something. */
export function RunCounts({ run }) {
  const { t, format } = useShell();
  const told = COUNTS.filter((name) => run[name] > 0);
  if (!told.length) return null;
  return html`
    <dl class="counts">
      ${told.map((name) => html`
        <div key=${name} class=${name === "invalid" ? "bad" : ""}>
          <dt>${t(`counts.${name}`)}</dt>
          <dd>${format.number(run[name])}</dd>
        </div>
      `)}
    </dl>
  `;
}
