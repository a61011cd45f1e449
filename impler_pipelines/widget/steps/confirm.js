/** The last step: everything at a glance, then one request. */

import { html, useState } from "../vendor/preact-htm.js";
import { useAnswer, useInSight } from "../parts/hooks.js";
import { isWebAddress } from "../parts/links.js";
import { ProblemNotice } from "../parts/notice.js";
import { useShell } from "../parts/shell.js";
import { StepFooter } from "../parts/stepper.js";
import { mappingList, shortPath } from "./headings.js";
import { scheduleBody, sentence } from "./schedule_fields.js";
import { placedProblems, saveImport } from "./saving.js";

export function Confirm(props) {
  const { draft, change, edited, heading, go, setFieldProblems, onBack, onSaved } = props;
  const shell = useShell();
  const { t, session } = shell;
  const [isSaving, setSaving] = useState(false);
  const [problem, setProblem] = useState(null);
  const refused = useInSight(problem);
  const isManual = Boolean(draft.uploadId);

  async function save(event) {
    event.preventDefault();
    setSaving(true);
    setProblem(null);
    try {
      const saved = await saveImport(shell, props);
      shell.send("confirmed", { importJob: saved.job });
      onSaved(saved);
    } catch (error) {
      setSaving(false);
      setProblem(error);
      setFieldProblems(placedProblems(error, mappingList(session.columns, draft.mappings)));
    }
  }

  const confirmKey = edited ? "confirm.save" : isManual ? "confirm.import" : "confirm.start";
  return html`
    <form class="frame-form" onSubmit=${save} novalidate>
      <main class="frame-main narrow">
        <h1 tabindex="-1" ref=${heading}>${t(edited ? "confirm.title.edit" : "confirm.title")}</h1>
        <p class="lead">${t(isManual ? "confirm.lead.file" : "confirm.lead")}</p>
        <dl class="summary">
          <${Source} draft=${draft} onChange=${() => go(isManual ? "upload" : "configure")} />
          <${Mapping} draft=${draft} onChange=${() => go("map")} />
          ${!isManual && html`<${When} draft=${draft} onChange=${() => go("schedule")} />`}
        </dl>
        ${!isManual && !edited && html`
          <label class="check">
            <input
              type="checkbox" checked=${draft.runNow}
              onChange=${(event) => change({ runNow: event.target.checked })}
            />
            <span>
              <span class="check-title">${t("confirm.runNow")}</span>
              <span class="hint">${t("confirm.runNow.hint")}</span>
            </span>
          </label>
        `}
        <div ref=${refused}>
          ${problem && html`<${Refused} problem=${problem} go=${go} isManual=${isManual} onRetry=${save} />`}
        </div>
      </main>
      <${StepFooter} onBack=${onBack}>
        <button type="submit" class="button primary" disabled=${isSaving} aria-busy=${String(isSaving)}>
          ${t(isSaving ? "confirm.saving" : confirmKey)}
        </button>
      <//>
    </form>
  `;
}

function Part({ title, changeLabel, onChange, children }) {
  const { t } = useShell();
  return html`
    <div class="summary-part">
      <dt>${title}</dt>
      <dd>${children}</dd>
      <dd class="summary-change">
        <button type="button" class="button small quiet" aria-label=${changeLabel} onClick=${onChange}>
          ${t("action.change")}
        </button>
      </dd>
    </div>
  `;
}

function Source({ draft, onChange }) {
  const { t } = useShell();
  const { feed, fileName, feedUrl, authKind } = draft;
  return html`
    <${Part} title=${t("confirm.source")} changeLabel=${t("confirm.source.change")} onChange=${onChange}>
      <p class="summary-main" dir="ltr">
        ${fileName || (isWebAddress(feedUrl)
          ? html`<a href=${feedUrl} target="_blank" rel="noopener noreferrer">${feedUrl}</a>`
          : feedUrl)}
      </p>
      <p class="hint">
        ${t("record.count", { count: feed.recordCount ?? 0 })}
        ${authKind !== "none" && html` · ${t(`auth.${authKind}`)}`}
      </p>
    <//>
  `;
}

function Mapping({ draft, onChange }) {
  const { t, session, format } = useShell();
  const unmapped = session.columns.filter((column) => !draft.mappings[column.key]);
  return html`
    <${Part} title=${t("confirm.mapping")} changeLabel=${t("confirm.mapping.change")} onChange=${onChange}>
      <ul class="pairs">
        ${session.columns.filter((column) => draft.mappings[column.key]).map((column) => html`
          <li key=${column.key}>
            <span class="pairs-name">${column.name}</span>
            <span class="pairs-path" dir="ltr">
              ${shortPath(draft.mappings[column.key].path, draft.feed.recordPath)}
            </span>
          </li>
        `)}
      </ul>
      ${unmapped.length > 0 && html`
        <p class="hint">${t("confirm.unmapped", { names: format.list(unmapped.map((column) => column.name)) })}</p>
      `}
    <//>
  `;
}

function When({ draft, onChange }) {
  const { t, format, api } = useShell();
  const body = scheduleBody(draft.schedule);
  const { answer } = useAnswer(JSON.stringify(body), 0, (signal) => api.previewSchedule({ ...body, count: 1 }, signal));
  const words = answer && sentence(t, format, { ...body, scheduleText: answer.scheduleText });
  const next = answer?.nextRuns[0];
  return html`
    <${Part} title=${t("confirm.schedule")} changeLabel=${t("confirm.schedule.change")} onChange=${onChange}>
      <p class="summary-main">${words || "…"}</p>
      <p class="hint">
        ${next
          ? t("confirm.nextRun", { moment: format.momentIn(next, body.timezone), away: format.fromNow(next) })
          : "…"}
      </p>
    <//>
  `;
}

/** What the API refused, with the way to the step where it can be put right. */
function Refused({ problem, go, isManual, onRetry }) {
  const { t } = useShell();
  const steps = new Set(problem.details.map((one) => stepOf(one.field, isManual)).filter(Boolean));
  return html`
    <${ProblemNotice} problem=${problem} title=${t("confirm.failed")} onRetry=${problem.status === 422 ? null : onRetry} />
    ${steps.size > 0 && html`
      <div class="buttons">
        ${[...steps].map((step) => html`
          <button key=${step} type="button" class="button small" onClick=${() => go(step)}>
            ${t("confirm.goTo", { step: t(`step.${step}`) })}
          </button>
        `)}
      </div>
    `}
  `;
}

function stepOf(field, isManual) {
  const [first] = field.split(".");
  if (["url", "authHeaderName", "authHeaderValue"].includes(first)) return isManual ? "upload" : "configure";
  if (["mappings", "recordPath"].includes(first)) return "map";
  if (["interval", "cron", "timezone", "endsOn"].includes(first)) return "schedule";
  return null;
}
