/** Which element of the feed is a record; another one can be chosen, and the feed is read anew. */

import { html, useRef, useState } from "../vendor/preact-htm.js";
import { isAbort } from "../api.js";
import { Field } from "../parts/field.js";
import { Progress } from "../parts/loading.js";
import { ProblemNotice } from "../parts/notice.js";
import { useShell } from "../parts/shell.js";
import { authHeader } from "./auth.js";
import { startingMappings } from "./headings.js";
import { InspectionProgress, useInspection } from "./inspection.js";
import { uploadFile } from "./uploading.js";

export function RecordPath(props) {
  const { draft, file, fieldProblems } = props;
  const { t } = useShell();
  // A mapping that was refused is one of a feed that has changed: it can be read again here.
  const [isOpen, setOpen] = useState(() => Object.keys(fieldProblems).some(
    (field) => field.startsWith("mappings.") && fieldProblems[field],
  ));
  const { recordPath, recordCount } = draft.feed;
  const button = useRef(null);
  const canChange = !draft.uploadId || file;

  function shut() {
    setOpen(false);
    button.current?.focus();
  }

  return html`
    <div class="panel record-path">
      <div class="record-path-line">
        <p>
          ${t("record.count", { count: recordCount ?? 0 })}
          ${recordPath && html` ${t("record.at")} <code dir="ltr">${recordPath}</code>`}
        </p>
        ${canChange && html`
          <button
            type="button" ref=${button} class="button small quiet" aria-expanded=${String(isOpen)}
            onClick=${() => setOpen(!isOpen)}
          >
            ${t("record.change")}
          </button>
        `}
      </div>
      ${isOpen && html`<${Chooser} ...${props} onShut=${shut} />`}
    </div>
  `;
}

function Chooser({ draft, change, auth, file, setFieldProblems, onShut }) {
  const shell = useShell();
  const { t } = shell;
  const { candidates = [], recordPath } = draft.feed;
  const [path, setPath] = useState(recordPath || "");
  const feed = useInspection();
  const upload = useUpload(shell, file, draft, change);
  const work = draft.uploadId ? upload : feed;

  async function apply() {
    const wanted = path.trim();
    if (!wanted || (draft.uploadId && wanted === recordPath)) return onShut();
    if (draft.uploadId) return (await upload.read(wanted)) && onShut();
    const read = await feed.read({ url: draft.feedUrl, ...authHeader(draft.authKind, auth), recordPath: wanted });
    if (!read) return undefined;
    setFieldProblems({});
    const mappings = startingMappings(draft.mappings, read);
    change({ feed: read, isReadAnew: true, recordPath: wanted, mappings });
    return onShut();
  }

  // Enter in the field applies the path: the form around it would go to the next step.
  const onEnter = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    apply();
  };
  const told = work.problem?.details?.find((one) => one.field === "recordPath")?.message;
  return html`
    <div class="record-path-body">
      ${candidates.length > 0 && html`
        <fieldset class="radios">
          <legend>${t("record.candidates")}</legend>
          ${candidates.map((candidate) => html`
            <label key=${candidate.path} class="radio">
              <input
                type="radio" name="record-path" checked=${path === candidate.path}
                onChange=${() => setPath(candidate.path)}
              />
              <code dir="ltr">${candidate.path}</code>
              <span class="radio-more">${t("record.count", { count: candidate.count })}</span>
            </label>
          `)}
        </fieldset>
      `}
      <${Field}
        id="record-path" label=${t("record.path")} error=${told}
        hint=${t(draft.uploadId ? "record.path.hint.file" : "record.path.hint")}
      >
        ${(attributes) => html`
          <input
            type="text" class="input" dir="ltr" spellcheck=${false} autocomplete="off" value=${path}
            onInput=${(event) => setPath(event.target.value)} onKeyDown=${onEnter} ...${attributes}
          />
        `}
      <//>
      ${work.isReading && (draft.uploadId
        ? html`<${Progress} share=${null} label=${t("upload.label")} />`
        : html`<${InspectionProgress} progress=${feed.progress} onCancel=${feed.cancel} />`)}
      ${work.problem && !told && html`<${ProblemNotice} problem=${work.problem} />`}
      <div class="buttons">
        <button type="button" class="button primary small" disabled=${work.isReading} onClick=${apply}>
          ${t("record.apply")}
        </button>
        <button type="button" class="button small quiet" onClick=${onShut}>${t("action.cancel")}</button>
      </div>
    </div>
  `;
}

/** An uploaded file is sent again: its import job has the headings of one record path alone. */
function useUpload(shell, file, draft, change) {
  const [state, setState] = useState({ isReading: false, problem: null });

  async function read(recordPath) {
    setState({ isReading: true, problem: null });
    try {
      const { signal } = new AbortController();
      const patch = await uploadFile(shell, file, { before: draft.mappings, recordPath, onProgress: () => {}, signal });
      change({ ...patch, recordPath });
      return true;
    } catch (problem) {
      setState({ isReading: false, problem: isAbort(problem) ? null : problem });
      return false;
    }
  }

  return { ...state, read };
}
