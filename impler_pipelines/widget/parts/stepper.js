/** The steps as a line: those that are done can be opened again. */

import { html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { useShell } from "./shell.js";

/**
 * @param {{steps: {name: string, label: string}[], current: number, reached: number, isDone: boolean,
 *   onGo: (name: string) => void}} props
 */
export function Stepper({ steps, current, reached, isDone, onGo }) {
  const { t } = useShell();
  const short = { number: current + 1, total: steps.length, label: steps[current].label };
  return html`
    <nav class="stepper" aria-label=${t("stepper.label")}>
      <ol>
        ${steps.map(({ name, label }, index) => {
          const isPast = isDone || index < current;
          const state = isPast ? "past" : index === current ? "current" : "ahead";
          return html`
            <li key=${name} class=${state}>
              <button
                type="button" disabled=${index > reached || isDone}
                aria-current=${state === "current" ? "step" : null} onClick=${() => onGo(name)}
              >
                <span class="stepper-mark" aria-hidden="true">
                  ${isPast ? html`<${Icon} name="check" />` : t("number", { number: index + 1 })}
                </span>
                <span class="stepper-label">${label}</span>
                ${isPast && html`<span class="sr-only">${t("stepper.done")}</span>`}
              </button>
            </li>
          `;
        })}
      </ol>
      <p class="stepper-short" aria-hidden="true">${t("stepper.short", short)}</p>
    </nav>
  `;
}

/** The buttons under a step, and what is missing for the next one. */
export function StepFooter({ onBack, backLabel, children, note }) {
  const { t } = useShell();
  return html`
    <footer class="frame-foot">
      ${onBack && html`
        <button type="button" class="button quiet" onClick=${onBack}>${backLabel || t("action.back")}</button>
      `}
      <p class="foot-note" role="status">${note}</p>
      ${children}
    </footer>
  `;
}
