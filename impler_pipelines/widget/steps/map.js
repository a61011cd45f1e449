/** Step 2: which heading of the feed each column takes its values from, with a live preview. */

import { html, useMemo } from "../vendor/preact-htm.js";
import { Notice } from "../parts/notice.js";
import { useShell } from "../parts/shell.js";
import { StepFooter } from "../parts/stepper.js";
import { ColumnRow } from "./column_row.js";
import { headingOptions, isMapped, missingColumns } from "./headings.js";
import { Preview } from "./preview.js";
import { RecordPath } from "./record_path.js";

export function MapColumns(props) {
  const { draft, change, heading, fieldProblems, setFieldProblems, onBack, onNext } = props;
  const { t, format, session } = useShell();
  const { feed, mappings } = draft;
  const { columns } = session;
  const options = useMemo(() => headingOptions(feed.headings, feed.recordPath), [feed]);
  const suggested = useMemo(
    () => Object.fromEntries((feed.suggestions || []).map((one) => [one.key, one])), [feed],
  );
  const missing = missingColumns(columns, mappings);
  const mapped = columns.filter((column) => mappings[column.key]).length;

  function map(key, mapping) {
    const field = `mappings.${key}`;
    setFieldProblems((before) => ({ ...before, [field]: undefined }));
    change({ mappings: { ...mappings, [key]: mapping } });
  }

  function note() {
    if (missing.length) {
      const names = format.list(missing.slice(0, 3).map((column) => column.name));
      return missing.length > 3
        ? t("map.missing.more", { names, count: missing.length - 3 })
        : t("map.missing", { names, count: missing.length });
    }
    return mapped ? "" : t("map.none");
  }

  return html`
    <form class="frame-form" onSubmit=${(event) => { event.preventDefault(); onNext(); }} novalidate>
      <main class="frame-main">
        <h1 tabindex="-1" ref=${heading}>${t("map.title")}</h1>
        <p class="lead">${t("map.lead")}</p>
        <${RecordPath} ...${props} />
        ${(feed.warnings || []).length > 0 && html`
          <${Notice} tone="warning" title=${t("map.warnings")}>
            <ul>${feed.warnings.map((warning) => html`<li key=${warning} lang="en">${warning}</li>`)}</ul>
          <//>
        `}
        <section aria-labelledby="columns-title">
          <div class="section-head">
            <h2 id="columns-title">${t("map.columns")}</h2>
            <p class="section-more">${t("map.mapped", { mapped, total: columns.length })}</p>
          </div>
          <ul class="columns">
            ${columns.map((column) => html`
              <${ColumnRow}
                key=${column.key} column=${column} options=${options} records=${feed.recordCount}
                mapping=${mappings[column.key] || null} suggestion=${suggested[column.key]}
                problem=${fieldProblems[`mappings.${column.key}`]} onMap=${map}
              />
            `)}
          </ul>
        </section>
        <${Preview} ...${props} />
      </main>
      <${StepFooter} onBack=${onBack} note=${note()}>
        <button type="submit" class="button primary" disabled=${!isMapped(columns, mappings)}>
          ${t("action.next")}
        </button>
      <//>
    </form>
  `;
}
