/** Step 3: when the import runs. The sentence and the next runs follow every change. */

import { html, useMemo } from "../vendor/preact-htm.js";
import { Combobox } from "../parts/combobox.js";
import { Field, FieldError } from "../parts/field.js";
import { useAnswer } from "../parts/hooks.js";
import { ProblemNotice } from "../parts/notice.js";
import { useShell } from "../parts/shell.js";
import { StepFooter } from "../parts/stepper.js";
import { scheduleBody, sentence, UNITS, WEEKDAYS } from "./schedule_fields.js";
import { zoneOptions } from "./time_zones.js";

const WAIT = 250;
const RUNS = 3;
const ZONE_ROW_HEIGHT = 44;
const LAST_DAY = 31;

/** Words for what the API refuses, by the field of its own. */
const problemsOf = (problem) => problem?.status === 422
  ? Object.fromEntries(problem.details.map(({ field, message }) => [field, message]))
  : {};

export function Schedule(props) {
  const { draft, change, heading, fieldProblems, setFieldProblems, onBack, onNext } = props;
  const { t, format, api } = useShell();
  const fields = draft.schedule;
  const body = scheduleBody(fields);
  const isWhole = isEntered(fields);
  const { answer, problem, isAsking, again } = useAnswer(
    isWhole ? JSON.stringify(body) : null, WAIT, (signal) => api.previewSchedule({ ...body, count: RUNS }, signal),
  );
  const problems = { ...fieldProblems, ...problemsOf(problem) };
  const isElsewhere = problem && problem.status !== 422;
  const hasRuns = answer?.nextRuns.length > 0;

  function set(patch) {
    setFieldProblems({});
    // Every so many days, weeks or months are counted from now on, where their number is another one.
    const startsOn = "every" in patch || "unit" in patch ? null : fields.startsOn;
    change({ schedule: { ...fields, startsOn, ...patch }, isScheduled: false });
  }

  function submit(event) {
    event.preventDefault();
    if (!hasRuns || isAsking) return;
    change({ isScheduled: true });
    onNext();
  }

  return html`
    <form class="frame-form" onSubmit=${submit} novalidate>
      <main class="frame-main narrow">
        <h1 tabindex="-1" ref=${heading}>${t("schedule.title")}</h1>
        <p class="lead">${t("schedule.lead")}</p>
        <${Interval} fields=${fields} set=${set} problems=${problems} />
        <div class="pair">
          <${Zone} fields=${fields} set=${set} error=${problems.timezone} />
          <${End} fields=${fields} set=${set} error=${problems.endsOn} />
        </div>
        ${isElsewhere
          ? html`<${ProblemNotice} problem=${problem} onRetry=${again} />`
          : html`
              <${NextRuns}
                answer=${isWhole ? answer : null} body=${body} isAsking=${isAsking} isRefused=${Boolean(problem)}
              />
            `}
      </main>
      <${StepFooter} onBack=${onBack} note=${isWhole ? "" : t("schedule.incomplete")}>
        <button type="submit" class="button primary" disabled=${!hasRuns || isAsking}>${t("action.next")}</button>
      <//>
    </form>
  `;
}

function isEntered({ every, unit, at, weekdays, cron }) {
  if (unit === "cron") return Boolean(cron.trim());
  if (!Number.isInteger(Number(every)) || Number(every) < 1) return false;
  if (unit === "minutes" || unit === "hours") return true;
  return Boolean(at) && (unit !== "weeks" || weekdays.length > 0);
}

/** Every N …, and at which time, on which days. */
function Interval({ fields, set, problems }) {
  const { t, format } = useShell();
  const { every, unit, at, weekdays, dayOfMonth, cron } = fields;
  const units = cron === null ? UNITS : [...UNITS, "cron"];
  const error = problems["interval.every"] || problems.interval || problems.cron;
  const others = ["at", "weekdays", "dayOfMonth", "startsOn", "unit"].map((name) => problems[`interval.${name}`]);
  const days = Array.from({ length: LAST_DAY }, (_, index) => index + 1);
  return html`
    <fieldset class="schedule">
      <legend>${t("schedule.howOften")}</legend>
      <div class="schedule-line">
        ${unit !== "cron" && html`
          <label for="every">${t("schedule.every")}</label>
          <input
            type="number" id="every" class="input number" min="1" max="5256000" step="1" inputmode="numeric"
            value=${every} aria-invalid=${error ? "true" : null} aria-describedby=${error ? "every-error" : null}
            onInput=${(event) => set({ every: event.target.value === "" ? "" : Number(event.target.value) })}
          />
        `}
        <select
          id="unit" class="input" aria-label=${t("schedule.unit")} value=${unit}
          onChange=${(event) => set({ unit: event.target.value })}
        >
          ${units.map((one) => html`
            <option key=${one} value=${one} selected=${one === unit}>
              ${t(`schedule.unit.${one}`, { count: Number(every) || 1 })}
            </option>
          `)}
        </select>
        ${unit === "months" && html`
          <span class="together">
            <label for="day">${t("schedule.onDay")}</label>
            <select
              id="day" class="input" value=${dayOfMonth}
              onChange=${(event) => set({ dayOfMonth: Number(event.target.value) })}
            >
              ${days.map((day) => html`
                <option key=${day} value=${day} selected=${day === dayOfMonth}>
                  ${day === LAST_DAY ? t("schedule.lastDay") : t("number", { number: day })}
                </option>
              `)}
            </select>
          </span>
        `}
        ${["days", "weeks", "months"].includes(unit) && html`
          <span class="together">
            <label for="at">${t("schedule.at")}</label>
            <input
              type="time" id="at" class="input time" value=${at}
              aria-invalid=${problems["interval.at"] ? "true" : null}
              onInput=${(event) => set({ at: event.target.value })}
            />
          </span>
        `}
        ${unit === "cron" && html`
          <input
            type="text" id="cron" class="input" dir="ltr" spellcheck=${false} value=${cron}
            aria-label=${t("schedule.cron")} aria-invalid=${error ? "true" : null}
            onInput=${(event) => set({ cron: event.target.value })}
          />
        `}
      </div>
      ${unit === "weeks" && html`
        <fieldset class="weekdays">
          <legend>${t("schedule.onDays")}</legend>
          ${WEEKDAYS.map((day, index) => html`
            <label key=${day} class="weekday">
              <input
                type="checkbox" checked=${weekdays.includes(day)} aria-label=${format.weekday(index, "long")}
                onChange=${(event) => set({
                  weekdays: event.target.checked ? [...weekdays, day] : weekdays.filter((one) => one !== day),
                })}
              />
              <span aria-hidden="true">${format.weekday(index, "short")}</span>
            </label>
          `)}
        </fieldset>
      `}
      <${FieldError} id="every-error" error=${error || others.find(Boolean)} />
    </fieldset>
  `;
}

function Zone({ fields, set, error }) {
  const { t, format } = useShell();
  const options = useMemo(() => zoneOptions(format.locale, fields.timezone), [fields.timezone]);
  return html`
    <${Field} id="timezone" label=${t("schedule.zone")} error=${error}>
      ${(attributes) => html`
        <${Combobox}
          id="timezone" options=${options} value=${fields.timezone} rowHeight=${ZONE_ROW_HEIGHT}
          onChoose=${(timezone) => set({ timezone })} listLabel=${t("schedule.zones")} attributes=${attributes}
          row=${(option) => html`
            <span class="heading-line">
              <span class="heading-path">${option.label}</span><span class="presence">${option.offset}</span>
            </span>
          `}
        />
      `}
    <//>
  `;
}

function End({ fields, set, error }) {
  const { t } = useShell();
  return html`
    <${Field} id="ends-on" label=${t("schedule.endsOn")} hint=${t("schedule.endsOn.hint")} error=${error} isOptional>
      ${(attributes) => html`
        <input
          type="date" class="input date" value=${fields.endsOn || ""}
          onInput=${(event) => set({ endsOn: event.target.value || null })} ...${attributes}
        />
      `}
    <//>
  `;
}

/** The schedule in words and its next runs, in the schedule's zone. */
function NextRuns({ answer, body, isAsking, isRefused }) {
  const { t, format } = useShell();
  const words = answer
    ? sentence(t, format, { ...body, scheduleText: answer.scheduleText })
    : isAsking ? "…" : t(isRefused ? "schedule.invalid" : "schedule.incomplete");
  return html`
    <div class=${isAsking ? "panel next-runs stale" : "panel next-runs"} role="status" aria-busy=${String(isAsking)}>
      <p class="sentence">${words}</p>
      ${answer?.nextRuns.length === 0 && html`<p class="hint">${t("schedule.noRuns")}</p>`}
      <ol class="runs-ahead" aria-label=${t("schedule.nextRuns")}>
        ${(answer?.nextRuns || Array(RUNS).fill(null)).map((run, index) => html`
          <li key=${index}>
            ${run
              ? html`
                  <span>${format.momentIn(run, body.timezone)}</span>
                  <span class="from-now">${format.fromNow(run)}</span>
                `
              : html`<span aria-hidden="true"> </span>`}
          </li>
        `)}
      </ol>
      <p class="hint">${t("schedule.inZone", { zone: body.timezone })}</p>
    </div>
  `;
}
