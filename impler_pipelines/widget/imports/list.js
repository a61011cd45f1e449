/** The view `imports`: a user's import jobs, what they do, and what can be done with them. */

import { html, useState } from "../vendor/preact-htm.js";
import { useFocusOn, usePolling } from "../parts/hooks.js";
import { Icon } from "../parts/icons.js";
import { CloseButton, Skeleton } from "../parts/loading.js";
import { ProblemNotice } from "../parts/notice.js";
import { isUnderWay } from "../parts/runs.js";
import { useShell } from "../parts/shell.js";
import { Wizard } from "../steps/wizard.js";
import { ImportCard } from "./card.js";
import { editedImport } from "./editing.js";
import { History } from "./history.js";

const PAGE = 20;
const WHILE_RUNNING = 2;
const OTHERWISE = 20;

/** Which of the three it is: the list, the steps (of a new or an edited import), a history. */
export function Imports() {
  const [place, setPlace] = useState({ name: "list" });
  const toList = () => setPlace({ name: "list", isReturn: true });

  if (place.name === "steps") {
    return html`<${Wizard} edited=${place.edited} onDone=${toList} onLeave=${toList} />`;
  }
  if (place.name === "history") {
    return html`<${History} job=${place.job} onLeave=${toList} />`;
  }
  return html`
    <${List}
      isReturn=${Boolean(place.isReturn)} onNew=${() => setPlace({ name: "steps" })}
      onEdit=${(edited) => setPlace({ name: "steps", edited })}
      onHistory=${(job) => setPlace({ name: "history", job })}
    />
  `;
}

function List({ isReturn, onNew, onEdit, onHistory }) {
  const { t, api, session, isDialog, close } = useShell();
  const [entries, setEntries] = useState(null); // [{job, run}]: each with its latest run
  const [next, setNext] = useState(null);
  const [problem, setProblem] = useState(null);
  const heading = useFocusOn("list", { alsoFirst: isDialog || isReturn });
  const isRunning = (entries || []).some(({ run }) => run && isUnderWay(run));

  /** As many as are shown already, so that none that was asked for disappears. */
  async function load() {
    const limit = Math.max(PAGE, entries?.length || 0);
    const page = await api.importJobs(session.externalUserId, { limit });
    setEntries(await withRuns(api, page.items));
    setNext(page.next);
    setProblem(null);
  }
  async function loadMore() {
    try {
      const page = await api.importJobs(session.externalUserId, { limit: PAGE, cursor: next });
      setEntries([...entries, ...(await withRuns(api, page.items))]);
      setNext(page.next);
    } catch (error) {
      setProblem(error);
    }
  }
  const reload = () => load().catch(setProblem);
  usePolling(problem?.status !== 401, isRunning ? WHILE_RUNNING : OTHERWISE, load, setProblem);

  function leaveDeleted() {
    heading.current.focus(); // its card is gone in a moment, and the focus with it
    return reload();
  }

  async function edit(job) {
    onEdit(await editedImport(api, job._id));
  }

  return html`
    <div class="frame">
      <header class="frame-head list-head">
        <h1 class="frame-title" tabindex="-1" ref=${heading}>${t("imports.title")}</h1>
        <button type="button" class="button primary" onClick=${onNew}>
          <${Icon} name="plus" /> ${t("imports.new")}
        </button>
        ${isDialog && html`<${CloseButton} onClick=${close} />`}
      </header>
      <main class="frame-main" aria-busy=${String(!entries)}>
        ${problem && html`<${ProblemNotice} problem=${problem} onRetry=${reload} />`}
        ${!entries && !problem && html`
          <p class="sr-only" role="status">${t("loading")}</p>
          <${Skeleton} lines=${3} tall />
        `}
        ${entries && entries.length === 0 && html`<${Empty} onNew=${onNew} />`}
        ${entries && entries.length > 0 && html`
          <ul class="cards">
            ${entries.map(({ job, run }) => html`
              <${ImportCard}
                key=${job._id} job=${job} run=${run} onChanged=${reload} onDeleted=${leaveDeleted}
                onEdit=${() => edit(job)} onHistory=${() => onHistory(job)}
              />
            `)}
          </ul>
        `}
        ${next && html`<button type="button" class="button" onClick=${loadMore}>${t("action.more")}</button>`}
      </main>
    </div>
  `;
}

const withRuns = (api, jobs) => Promise.all(jobs.map(async (job) => {
  const { items } = await api.runs(job._id, { limit: 1 });
  return { job, run: items[0] || null };
}));

function Empty({ onNew }) {
  const { t, session } = useShell();
  const isManual = session.mode === "manual";
  return html`
    <div class="nothing">
      <span class="nothing-mark" aria-hidden="true"><${Icon} name=${isManual ? "file" : "feed"} /></span>
      <h2>${t("imports.empty")}</h2>
      <p>${t(isManual ? "imports.empty.file" : "imports.empty.feed")}</p>
      <button type="button" class="button primary" onClick=${onNew}>${t("imports.first")}</button>
    </div>
  `;
}
