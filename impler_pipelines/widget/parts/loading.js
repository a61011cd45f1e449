/** What is shown while the widget asks who it is for: a frame of the same shape as the steps. */

import { html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { useShell } from "./shell.js";

export function LoadingShell({ children }) {
  const { t, isDialog, close } = useShell();
  return html`
    <div class="frame">
      <header class="frame-head">
        <span class="frame-title">${!children && html`<span class="skeleton line" aria-hidden="true" />`}</span>
        ${isDialog && html`<${CloseButton} onClick=${close} />`}
      </header>
      <main class="frame-main">
        <h1 class="sr-only">${t("title")}</h1>
        ${children || html`<p class="sr-only" role="status">${t("loading")}</p><${Skeleton} lines=${4} />`}
      </main>
    </div>
  `;
}

export function CloseButton({ onClick }) {
  const { t } = useShell();
  return html`
    <button type="button" class="icon-button" aria-label=${t("action.close")} onClick=${onClick}>
      <${Icon} name="close" />
    </button>
  `;
}

/** Grey bars where content will be. */
export function Skeleton({ lines, tall = false }) {
  return html`
    <div class="skeletons" aria-hidden="true">
      ${Array.from({ length: lines }, () => html`<span class=${tall ? "skeleton row" : "skeleton line"} />`)}
    </div>
  `;
}

/** A bar that fills; without `share` (0 to 1) it moves. */
export function Progress({ share, label }) {
  const percent = share == null ? null : Math.round(share * 100);
  return html`
    <div
      class=${percent == null ? "progress moving" : "progress"} role="progressbar" aria-label=${label}
      aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent}
    >
      <span style=${percent == null ? {} : { transform: `scaleX(${share})` }} />
    </div>
  `;
}
