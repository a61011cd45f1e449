/** Short notices, and what went wrong in words that say what to do. */

import { html } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { causeWords } from "./reasons.js";
import { useShell } from "./shell.js";

const ICONS = { danger: "alert", warning: "alert", success: "check", info: "info" };

/** @param {{tone?: "info"|"success"|"warning"|"danger", title?: string, children?: unknown}} props */
export function Notice({ tone = "info", title, children }) {
  return html`
    <div class=${`notice ${tone}`} role=${tone === "danger" ? "alert" : "status"}>
      <${Icon} name=${ICONS[tone]} />
      <div class="notice-body">
        ${title && html`<p class="notice-title">${title}</p>`}
        ${children}
      </div>
    </div>
  `;
}

/**
 * @param {{problem: import("../api.js").Problem, title?: string, onRetry?: () => void}} props `title`
 *   says what could not be done, where that is known better than from the status
 */
export function ProblemNotice({ problem, title, onRetry }) {
  const { t } = useShell();
  const words = problemWords(t, problem);
  return html`
    <${Notice} tone="danger" title=${title || words.title}>
      ${title && words.title !== title && words.isOurs && html`<p>${words.title}</p>`}
      ${words.hint && html`<p>${words.hint}</p>`}
      ${words.cause && html`<p>${words.cause}</p>`}
      ${words.detail && html`<p class="notice-detail" lang="en">${words.detail}</p>`}
      ${onRetry && html`
        <button type="button" class="button small" onClick=${onRetry}>${t("action.retry")}</button>
      `}
    <//>
  `;
}

const KNOWN = [0, 401, 403, 404, 409, 413, 422, 429, 500, 502, 503];

/**
 * What to tell of a problem. `cause` is what is wrong with the feed in the user's language, `detail`
 * the server's own words, where they help and there are no others.
 * @returns {{title: string, hint: string, cause: string|null, detail: string, isOurs: boolean}}
 *   `isOurs`: the title says what is wrong, not only that something is
 */
export function problemWords(t, problem) {
  const status = KNOWN.includes(problem.status) ? problem.status : 500;
  const key = `problem.${status}`;
  const hint = status === 429 && problem.retryAfter
    ? t("problem.429.wait", { count: problem.retryAfter })
    : t.has(`${key}.hint`) ? t(`${key}.hint`) : "";
  const cause = causeWords(t, problem.cause);
  const detail = !cause && [409, 413, 422, 502, 503].includes(status) ? problem.message : "";
  return { title: t(key), hint, cause, detail, isOurs: [0, 401, 429, 503].includes(status) };
}
