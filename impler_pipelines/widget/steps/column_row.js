/** One column of the template: its heading, what the feed holds there, what repeats become. */

import { html } from "../vendor/preact-htm.js";
import { Combobox } from "../parts/combobox.js";
import { FieldError } from "../parts/field.js";
import { useShell } from "../parts/shell.js";

const REPEATED = ["first", "join", "json"];
const ROW_HEIGHT = 60;
const SURE = 0.8;

/**
 * @param {{
 *   column: object, options: object[], records: number|null,
 *   mapping: {path: string, repeated: string}|null,
 *   suggestion?: {path: string|null, score?: number}, problem?: string,
 *   onMap: (key: string, mapping: object|null) => void,
 * }} props
 */
export function ColumnRow({ column, options, records, mapping, suggestion, problem, onMap }) {
  const { t } = useShell();
  const id = `column-${column.key}`;
  const heading = mapping && options.find((option) => option.value === mapping.path);
  const isMissing = column.isRequired && !column.defaultValue && !mapping;
  const isSuggested = mapping && suggestion?.path === mapping.path;

  function choose(path) {
    onMap(column.key, path && { path, repeated: mapping?.repeated || "first" });
  }

  return html`
    <li class=${isMissing ? "column missing" : "column"}>
      <div class="column-name">
        <label for=${id}>${column.name}</label>
        <p class="column-facts">
          ${column.isRequired && html`<span class="tag required">${t("column.required")}</span>`}
          <span>${t(`column.type.${column.type}`)}</span>
          ${column.isUnique && html`<span>${t("column.unique")}</span>`}
        </p>
      </div>
      <div class="column-choice">
        <${Combobox}
          id=${id} options=${options} value=${mapping?.path ?? null} onChoose=${choose} rowHeight=${ROW_HEIGHT}
          dir="ltr"
          row=${(option) => html`<${HeadingRow} heading=${option} records=${records} />`}
          listLabel=${t("column.headings", { name: column.name })} placeholder=${t("column.choose")}
          clearLabel=${t("column.clear", { name: column.name })}
          attributes=${{
            "aria-describedby": `${id}-about`,
            "aria-invalid": problem ? "true" : null,
            "aria-required": column.isRequired ? "true" : null,
          }}
        />
        <p class="column-about" id=${`${id}-about`}>
          ${heading
            ? html`<${About} heading=${heading} records=${records} suggestion=${isSuggested ? suggestion : null} />`
            : html`<span>${unmapped(t, column, isMissing)}</span>`}
        </p>
        <${FieldError} id=${`${id}-error`} error=${problem} />
        ${heading && (heading.repeated || mapping.repeated !== "first") && html`
          <div class="column-repeated">
            <label for=${`${id}-repeated`}>${t("column.repeated")}</label>
            <select
              id=${`${id}-repeated`} class="input small" value=${mapping.repeated}
              onChange=${(event) => onMap(column.key, { ...mapping, repeated: event.target.value })}
            >
              ${REPEATED.map((one) => html`<option key=${one} value=${one}>${t(`column.repeated.${one}`)}</option>`)}
            </select>
          </div>
        `}
      </div>
    </li>
  `;
}

function unmapped(t, column, isMissing) {
  if (isMissing) return t("column.missing");
  if (column.defaultValue) return t("column.default", { value: column.defaultValue });
  return t("column.empty");
}

/** What is known of a chosen heading, in one line. */
function About({ heading, records, suggestion }) {
  const { t } = useShell();
  const sample = heading.samples[0];
  const isUnsure = suggestion?.score < SURE;
  return html`
    ${suggestion && html`
      <span class="tag suggested">${t(isUnsure ? "column.suggested.unsure" : "column.suggested")}</span>
    `}
    ${sample !== undefined && html`<span class="sample"><bdi>${sample}</bdi></span>`}
    <span class="presence">${presence(t, heading, records)}</span>
  `;
}

/** A heading in the list: its path within the record, a sample, how many records have it. */
function HeadingRow({ heading, records }) {
  const { t } = useShell();
  return html`
    <span class="heading-line">
      <span class="heading-path" dir="ltr">${heading.label}</span>
      <span class="presence">${presence(t, heading, records)}</span>
    </span>
    <span class="heading-line sample">
      <bdi>${heading.samples.slice(0, 3).join("  ·  ") || t("column.noSample")}</bdi>
    </span>
  `;
}

function presence(t, heading, records) {
  return records
    ? t("column.presence", { found: heading.count, count: records })
    : t("column.presence.unknown", { count: heading.count });
}
