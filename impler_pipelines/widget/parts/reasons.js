/**
 * Why a value was refused, in the user's language. The server writes English; a language whose texts
 * have reasons of their own (`reason.date`, …) has those instead. A template's own words stand as
 * they are.
 */

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
