/** Owns the steps of an import: which one is shown, what has been entered, how it is sent. */

import { html, useLayoutEffect, useMemo, useState } from "../vendor/preact-htm.js";
import { CloseButton } from "../parts/loading.js";
import { useFocusOn } from "../parts/hooks.js";
import { useShell } from "../parts/shell.js";
import { Stepper } from "../parts/stepper.js";
import { isComplete, noAuth } from "./auth.js";
import { Configure } from "./configure.js";
import { Confirm } from "./confirm.js";
import { draftKey, dropDraft, emptyDraft, keepDraft, keptDraft } from "./draft.js";
import { isMapped } from "./headings.js";
import { MapColumns } from "./map.js";
import { Outcome } from "./outcome.js";
import { Schedule } from "./schedule.js";
import { Upload } from "./upload.js";

const STEPS = {
  automatic: [["configure", Configure], ["map", MapColumns], ["schedule", Schedule], ["confirm", Confirm]],
  manual: [["upload", Upload], ["map", MapColumns], ["confirm", Confirm]],
};

/** The view `import`: a new import, and after it another one. */
export function NewImport() {
  const { close } = useShell();
  const [round, setRound] = useState(0);

  function finish() {
    close();
    setRound(round + 1);
  }

  return html`<${Wizard} key=${round} onDone=${finish} />`;
}

/**
 * @param {{
 *   edited?: {job: object, draft: import("./draft.js").Draft},   an import job that is changed
 *   onDone: () => void,       the user has seen the end
 *   onLeave?: () => void,     the user goes back to where the steps were opened
 * }} props
 */
export function Wizard({ edited, onDone, onLeave }) {
  const { t, session, isDialog, close } = useShell();
  const steps = STEPS[edited ? "automatic" : session.mode];
  const key = draftKey(session, edited?.job._id);
  const [draft, setDraft] = useState(() => ({ ...(keptDraft(key) || edited?.draft || emptyDraft()) }));
  const [auth, setAuth] = useState(noAuth);
  const [file, setFile] = useState(null); // manual mode: to be sent again with another record path
  const [outcome, setOutcome] = useState(null);
  // What the API said of single fields: {"interval.every": "must be …"}; see confirm.js.
  const [fieldProblems, setFieldProblems] = useState({});

  const isAuthLost = !isComplete(draft.authKind, auth);
  const reached = reachedStep(steps, draft, session.columns, isAuthLost);
  const at = Math.min(Math.max(0, steps.findIndex(([name]) => name === draft.step)), reached);
  const [name, Step] = steps[at];

  // Before anything else happens: the frame may be closed by the next key.
  useLayoutEffect(() => {
    if (outcome) dropDraft(key);
    else keepDraft(key, { ...draft, step: name });
  }, [draft, name, outcome]);

  const change = (patch) => setDraft((before) => ({ ...before, ...patch }));
  const go = (step) => change({ step });
  function leave() {
    if (edited) dropDraft(key); // whoever leaves an edit at its first step does not want it
    onLeave();
  }
  const heading = useFocusOn(outcome ? "outcome" : name, { alsoFirst: isDialog || Boolean(onLeave) });
  const labels = useMemo(() => steps.map(([one]) => ({ name: one, label: t(`step.${one}`) })), [steps]);

  const shared = {
    draft, change, auth, setAuth, file, setFile, edited, heading, fieldProblems, setFieldProblems, go, isAuthLost,
    onBack: at > 0 ? () => go(steps[at - 1][0]) : onLeave && leave,
    onStartOver: () => setDraft(edited?.draft || emptyDraft()),
    onNext: () => go(steps[at + 1][0]),
    onSaved: setOutcome,
  };
  return html`
    <div class="frame">
      <header class="frame-head">
        <p class="frame-title">
          ${edited ? t("wizard.editing", { name: session.templateName }) : session.templateName}
        </p>
        <${Stepper}
          steps=${labels} current=${at} reached=${outcome ? -1 : reached} isDone=${Boolean(outcome)} onGo=${go}
        />
        ${isDialog && html`<${CloseButton} onClick=${close} />`}
      </header>
      ${outcome
        ? html`<${Outcome} ...${outcome} heading=${heading} onDone=${onDone} />`
        : html`<${Step} key=${name} ...${shared} />`}
    </div>
  `;
}

/** The last step that may be opened: all before it are complete. */
function reachedStep(steps, draft, columns, isAuthLost) {
  const isRead = draft.feed && (draft.uploadId || draft.feedUrl === draft.url.trim());
  if (!isRead || isAuthLost) return 0;
  if (!isMapped(columns, draft.mappings)) return 1;
  const isScheduled = draft.isScheduled || !steps.some(([name]) => name === "schedule");
  return isScheduled ? steps.length - 1 : 2;
}
