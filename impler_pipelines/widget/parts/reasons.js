/**
 * Why a value was refused, or a feed could not be read, in the user's language. The server writes
 * English; a language whose texts have reasons of their own (`reason.date`, …) has those instead. A
 * template's own words stand as they are.
 */

import { html } from "../vendor/preact-htm.js";
import { useShell } from "./shell.js";

const LONGEST = 60;

/**
 * @param {object[]} columns the template's
 * @param {{column: string, rule: string, value: string|null, message: string}} error
 */
function reasonWords(t, columns, { column: key, rule, value, message }) {
  const column = columns.find((one) => one.key === key);
  const validations = (column?.validations || []).filter((one) => one.validate === rule);
  const isOwn = validations.some((one) => one.errorMessage === message);
  if (!column || !t.has(`reason.${rule}`) || isOwn || validations.length > 1) return message;
  return t(`reason.${rule}`, {
    name: column.name,
    value: shortened(value ?? ""),
    bounds: validations.length ? boundsOf(validations[0]) : "",
    pattern: column.regexDescription || column.regex || "",
    values: shortened(column.selectValues.join(", ")),
  });
}

const shortened = (text) => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** `1 – 5`, `≥ 1`, `≤ 5` */
function boundsOf({ min, max }) {
  if (min !== null && max !== null) return `${min} – ${max}`;
  return min !== null ? `≥ ${min}` : `≤ ${max}`;
}

/** The reasons of a record, or of one of its columns, in one line. */
export const allReasons = (t, columns, errors) =>
  errors.map((error) => reasonWords(t, columns, error)).join("; ");

/**
 * What is wrong with a feed or file in words of the user's language, or null where the server's are
 * all there is. `reason.feed_malformed_at` is for a cause that knows the line, and
 * `reason.feed_refused_http` for one that knows the status.
 * @param {{code: string, line?: number, column?: number, status?: number, limit?: string}|null} cause
 */
export function causeWords(t, cause) {
  if (!cause) return null;
  const exact = cause.status ? "_http" : cause.line ? "_at" : "";
  const key = [`reason.${cause.code}${exact}`, `reason.${cause.code}`].find((one) => t.has(one));
  return key ? t(key, cause) : null;
}

/** Why a run failed. @param {{error: string, cause: object|null}} props */
export function Failure({ error, cause }) {
  const { t } = useShell();
  const words = causeWords(t, cause);
  return words ? html`<p>${words}</p>` : html`<p lang="en">${error}</p>`;
}
