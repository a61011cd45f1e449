/** Step 1 of manual templates: a file, dropped or chosen. */

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { isAbort } from "../api.js";
import { Icon } from "../parts/icons.js";
import { Progress } from "../parts/loading.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { useShell } from "../parts/shell.js";
import { StepFooter } from "../parts/stepper.js";
import { uploadFile } from "./uploading.js";

const TYPES = ".xml,.rss,.atom,.csv,.tsv,.txt,.xlsx,.json,.jsonl,.ndjson,.gz";

export function Upload({ draft, change, setFile, heading, onBack, onNext }) {
  const shell = useShell();
  const { t } = shell;
  const [sending, setSending] = useState(null); // {name, share}
  const [problem, setProblem] = useState(null);
  const [isOver, setOver] = useState(false);
  const controller = useRef(null);
  const picker = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);

  async function send(file) {
    if (!file) return;
    controller.current = new AbortController();
    setProblem(null);
    setSending({ name: file.name, share: 0 });
    const onProgress = (share) => setSending({ name: file.name, share });
    try {
      const patch = await uploadFile(shell, file, {
        before: draft.mappings, onProgress, signal: controller.current.signal,
      });
      setFile(file);
      change({ ...patch, recordPath: null });
      onNext();
    } catch (error) {
      setSending(null);
      if (!isAbort(error)) setProblem(error);
    }
  }

  function drop(event) {
    event.preventDefault();
    setOver(false);
    send(event.dataTransfer.files[0]);
  }

  const ofFile = problem?.status === 422 && problem.details.find((one) => one.field === "file");
  return html`
    <form class="frame-form" onSubmit=${(event) => event.preventDefault()}>
      <main class="frame-main narrow">
        <h1 tabindex="-1" ref=${heading}>${t("upload.title")}</h1>
        <p class="lead">${t("upload.lead")}</p>
        ${sending
          ? html`
              <div class="panel working">
                <div class="working-line">
                  <p role="status">
                    ${t(sending.share < 1 ? "upload.sending" : "upload.reading", { name: sending.name })}
                  </p>
                  <button type="button" class="button small" onClick=${() => controller.current.abort()}>
                    ${t("action.cancel")}
                  </button>
                </div>
                <${Progress} share=${sending.share < 1 ? sending.share : null} label=${t("upload.label")} />
              </div>
            `
          : html`
              <div
                class=${isOver ? "drop over" : "drop"} onDrop=${drop}
                onDragOver=${(event) => { event.preventDefault(); setOver(true); }}
                onDragLeave=${() => setOver(false)}
              >
                <${Icon} name="file" />
                <p class="drop-title">${t("upload.drop")}</p>
                <p class="hint" id="file-hint">${t("upload.formats")}</p>
                <button
                  type="button" class="button" aria-describedby="file-hint" onClick=${() => picker.current.click()}
                >
                  ${t("upload.choose")}
                </button>
                <input
                  type="file" ref=${picker} accept=${TYPES} hidden
                  onChange=${(event) => { send(event.target.files[0]); event.target.value = ""; }}
                />
              </div>
            `}
        ${ofFile && html`<${Notice} tone="danger" title=${t("upload.unreadable")}><p lang="en">${ofFile.message}</p><//>`}
        ${problem && !ofFile && html`<${ProblemNotice} problem=${problem} />`}
        ${draft.fileName && !sending && !problem && html`
          <${Notice} tone="success" title=${t("upload.read", { name: draft.fileName })}>
            <p>${t("configure.read.headings", { count: draft.feed.headings.length })}</p>
          <//>
        `}
      </main>
      <${StepFooter} onBack=${onBack}>
        <button type="button" class="button primary" disabled=${!draft.uploadId || sending} onClick=${onNext}>
          ${t("action.next")}
        </button>
      <//>
    </form>
  `;
}
