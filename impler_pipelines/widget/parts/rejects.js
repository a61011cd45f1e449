/** What a run refused: a table with the reasons, page by page, and all of it as a CSV file. */

import { html, useEffect, useState } from "../vendor/preact-htm.js";
import { Icon } from "./icons.js";
import { download, safeFileName } from "./links.js";
import { Skeleton } from "./loading.js";
import { ProblemNotice } from "./notice.js";
import { RecordTable } from "./record_table.js";
import { useShell } from "./shell.js";

const PAGE = 50;

export function Rejects({ job, run }) {
  const { t, api, session } = useShell();
  const [rejects, setRejects] = useState(null);
  const [next, setNext] = useState(null);
  const [problem, setProblem] = useState(null);
  const [isSaving, setSaving] = useState(false);

  async function load(cursor) {
    setProblem(null);
    try {
      const page = await api.rejects(job._id, run._id, { limit: PAGE, cursor });
      setRejects([...(cursor ? rejects : []), ...page.items]);
      setNext(page.next);
    } catch (error) {
      setProblem(error);
    }
  }
  useEffect(() => void load(null), [run._id]);

  async function save() {
    setSaving(true);
    try {
      const day = (run.startedAt || "").slice(0, 10);
      const name = safeFileName(`${session.templateName} ${t("rejects.fileName")} ${day}`, "csv");
      download(await api.rejectsFile(job._id, run._id), name);
    } catch (error) {
      setProblem(error);
    }
    setSaving(false);
  }

  return html`
    <section class="rejects" aria-label=${t("rejects.title", { count: run.invalid })}>
      <div class="section-head">
        <h2>${t("rejects.title", { count: run.invalid })}</h2>
        <button type="button" class="button small" disabled=${isSaving} onClick=${save}>
          <${Icon} name="download" /> ${t("rejects.download")}
        </button>
      </div>
      ${problem && html`<${ProblemNotice} problem=${problem} onRetry=${() => load(null)} />`}
      ${!rejects && !problem && html`<${Skeleton} lines=${3} tall />`}
      ${rejects && rejects.length === 0 && html`<p class="hint">${t("rejects.gone")}</p>`}
      ${rejects && rejects.length > 0 && html`
        <${RecordTable}
          columns=${session.columns} withReasons
          records=${rejects.map(({ index, record, errors }) => ({ index, values: record, errors }))}
        />
      `}
      ${next && html`
        <button type="button" class="button small" onClick=${() => load(next)}>${t("action.more")}</button>
      `}
    </section>
  `;
}
