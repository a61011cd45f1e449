/** Records in a table; refused values are marked, and say why when pointed at or focused. */

import { html, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { allReasons } from "./reasons.js";
import { useShell } from "./shell.js";

const LONGEST = 120;
const ISO_MOMENT = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/**
 * @param {{
 *   columns: {key: string, name: string, type: string}[],
 *   withReasons?: boolean,   a column that says why, in words
 *   records: {index: number, values: object, errors: object[]}[],   errors: see reasons.js
 * }} props
 */
export function RecordTable({ columns, records, withReasons = false }) {
  const { t } = useShell();
  const [tip, setTip] = useState(null); // {text, x, y}
  return html`
    <div class="table-frame" role="group" aria-label=${t("table.label")} tabindex="0" onScroll=${() => tip && setTip(null)}>
      <table class="records">
        <thead>
          <tr>
            <th scope="col" class="number">${t("table.record")}</th>
            ${withReasons && html`<th scope="col">${t("table.why")}</th>`}
            ${columns.map((column) => html`
              <th key=${column.key} scope="col" class=${isFigure(column) ? "figure" : ""}>${column.name}</th>
            `)}
          </tr>
        </thead>
        <tbody>
          ${records.map((record) => html`
            <tr key=${record.index} class=${record.errors.length ? "refused" : ""}>
              <th scope="row" class="number">
                ${t("number", { number: record.index + 1 })}
                ${record.errors.length > 0 && html`<span class="sr-only">${t("table.refused")}</span>`}
              </th>
              ${withReasons && html`
                <td class="why"><bdi>${allReasons(t, columns, record.errors)}</bdi></td>
              `}
              ${columns.map((column) => html`
                <${Cell}
                  key=${column.key} value=${record.values[column.key]} column=${column} setTip=${setTip}
                  reason=${allReasons(t, columns, record.errors.filter((error) => error.column === column.key))}
                />
              `)}
            </tr>
          `)}
        </tbody>
      </table>
    </div>
    ${tip && html`
      <div class="tip" role="presentation" style=${{ left: `${tip.x}px`, top: `${tip.y}px` }}>${tip.text}</div>
    `}
  `;
}

function Cell({ value, column, reason, setTip }) {
  const { t, format } = useShell();
  const text = shown(value, column, format, t);
  const side = isFigure(column) ? "figure" : "";
  if (!reason) return html`<td class=${side}><bdi>${text}</bdi></td>`;
  const refused = text === "" ? t("table.missing") : text;
  const show = (event) => setTip({ text: reason, ...beside(event.currentTarget) });
  const hide = () => setTip(null);
  return html`
    <td class=${side}>
      <span
        class="bad-value" tabindex="0" role="note" aria-label=${t("table.refusedValue", { value: refused, reason })}
        onMouseEnter=${show} onMouseLeave=${hide} onFocus=${show} onBlur=${hide}
      >
        <${Icon} name="alert" /> <bdi>${refused}</bdi>
      </span>
    </td>
  `;
}

const isFigure = (column) => column.type === "Number" || column.type === "Double";

/** A place for a tip under the element, within the window. */
function beside(element) {
  const box = element.getBoundingClientRect();
  return {
    x: Math.max(8, Math.min(box.left, window.innerWidth - 328)),
    y: box.bottom + 72 > window.innerHeight ? Math.max(8, box.top - 72) : box.bottom + 6,
  };
}

function shown(value, column, format, t) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return format.value(value);
  if (typeof value === "boolean") return t(value ? "table.yes" : "table.no");
  if (column.type === "Date" && ISO_MOMENT.test(value)) return format.loadedMoment(value);
  const text = String(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
