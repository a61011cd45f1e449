/** Reads a feed's headings: the request, its progress as words and a bar, and its end. */

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { isAbort } from "../api.js";
import { Progress } from "../parts/loading.js";
import { useShell } from "../parts/shell.js";

/**
 * @returns {{
 *   isReading: boolean, progress: object|null, problem: Error|null,
 *   read: (source: object) => Promise<object|null>,   the feed; null: cancelled or failed
 *   cancel: () => void, forget: () => void,
 * }}
 */
export function useInspection() {
  const { api, session } = useShell();
  const [state, setState] = useState({ isReading: false, progress: null, problem: null });
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);

  async function read(source) {
    controller.current?.abort();
    const { signal } = (controller.current = new AbortController());
    setState({ isReading: true, progress: null, problem: null });
    const onProgress = (progress) => setState((before) => ({ ...before, progress }));
    try {
      const feed = await api.inspect({ ...source, templateId: session._templateId }, { onProgress, signal });
      setState({ isReading: false, progress: null, problem: null });
      return feed;
    } catch (problem) {
      const isCancelled = isAbort(problem) || signal.aborted;
      if (signal === controller.current.signal) {
        setState({ isReading: false, progress: null, problem: isCancelled ? null : problem });
      }
      return null;
    }
  }

  const forget = () => setState({ isReading: false, progress: null, problem: null });
  return { ...state, read, cancel: () => controller.current?.abort(), forget };
}

/** How far the reading is, and the way to stop it. */
export function InspectionProgress({ progress, onCancel }) {
  const { t, format } = useShell();
  const { share, words } = told(progress, t, format);
  return html`
    <div class="panel working">
      <div class="working-line">
        <p role="status">${words}</p>
        <button type="button" class="button small" onClick=${onCancel}>${t("action.cancel")}</button>
      </div>
      <${Progress} share=${share} label=${t("inspect.label")} />
    </div>
  `;
}

function told(progress, t, format) {
  if (!progress || progress.bytes === 0) return { share: null, words: t("inspect.connecting") };
  if (progress.event === "reading") {
    return { share: null, words: t("inspect.reading", { count: progress.records }) };
  }
  const bytes = format.bytes(progress.bytes);
  if (!progress.totalBytes) return { share: null, words: t("inspect.fetching", { bytes }) };
  return {
    share: progress.bytes / progress.totalBytes,
    words: t("inspect.fetchingOf", { bytes, total: format.bytes(progress.totalBytes) }),
  };
}
