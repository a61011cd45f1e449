/** Step 1: where the feed is, and what opens it. */

import { html, useEffect, useRef, useState } from "../vendor/preact-htm.js";
import { Field } from "../parts/field.js";
import { useInSight } from "../parts/hooks.js";
import { Icon } from "../parts/icons.js";
import { isWebAddress, originOf, wholeAddress } from "../parts/links.js";
import { Notice, ProblemNotice } from "../parts/notice.js";
import { causeWords } from "../parts/reasons.js";
import { useShell } from "../parts/shell.js";
import { StepFooter } from "../parts/stepper.js";
import { AUTH_KINDS, authHeader, isComplete, splitUserinfo } from "./auth.js";
import { startingMappings } from "./headings.js";
import { InspectionProgress, useInspection } from "./inspection.js";

export function Configure(props) {
  const { draft, change, auth, setAuth, edited, heading, fieldProblems, setFieldProblems } = props;
  const { onBack, onNext, onStartOver } = props;
  const { t } = useShell();
  const inspection = useInspection();
  const [urlProblem, setUrlProblem] = useState("");
  const url = draft.url.trim();
  const isRead = draft.feed && draft.feedUrl === url && !props.isAuthLost;

  function changeUrl(text) {
    setUrlProblem("");
    setFieldProblems({});
    inspection.forget();
    change({ url: text, recordPath: null });
  }

  /** The source as it was meant: a password in the address goes where passwords are entered. */
  function tidied(text) {
    const whole = wholeAddress(text);
    const split = splitUserinfo(whole);
    if (!split) return { address: whole, kind: draft.authKind, fields: auth };
    const { user, password } = split;
    return { address: split.url, kind: "basic", fields: { ...auth, user, password } };
  }

  function show({ address, kind, fields }) {
    if (address === draft.url) return;
    setAuth(fields);
    change({ url: address, authKind: kind });
  }

  async function read(source, recordPath) {
    const { address, kind, fields } = source;
    show(source);
    if (!isWebAddress(address)) {
      setUrlProblem(t(address ? "configure.url.noAddress" : "configure.url.missing"));
      document.getElementById("feed-url").focus();
      return;
    }
    if (!isComplete(kind, fields)) {
      setFieldProblems({ authHeaderValue: t("auth.incomplete") });
      return;
    }
    setFieldProblems({});
    const feed = await inspection.read({
      url: address, ...authHeader(kind, fields), ...(recordPath && { recordPath }),
    });
    if (!feed) return;
    const mappings = startingMappings(draft.mappings, feed);
    change({ feed, feedUrl: address, isReadAnew: true, recordPath, mappings });
    onNext();
  }

  function submit(event) {
    event.preventDefault();
    if (isRead) onNext();
    else again();
  }

  const again = () => read(tidied(url), draft.recordPath);

  /** A secret that was entered for one server is not sent to another that its page names. */
  function take(address) {
    const kind = originOf(address) === originOf(url) ? draft.authKind : "none";
    read({ address, kind, fields: auth }, null);
  }

  const { problem, isReading } = inspection;
  const wasReading = useRef(false);
  useEffect(() => {
    // The button that ended it, or began it, is gone, and the focus with it.
    if (wasReading.current && document.activeElement === document.body) {
      // Firefox scrolls to it later, over what is brought into sight below.
      document.getElementById("feed-url").focus({ preventScroll: Boolean(problem) });
    }
    wasReading.current = isReading;
  }, [isReading]);
  const answer = useInSight(urlProblem || problem); // after the focus, which scrolls, too
  const ofUrl = urlProblem || fieldProblems.url || told(t, problem, "url");
  return html`
    <form class="frame-form" onSubmit=${submit} novalidate>
      <main class="frame-main narrow">
        <h1 tabindex="-1" ref=${heading}>${t(edited ? "configure.title.edit" : "configure.title")}</h1>
        <p class="lead">${t("configure.lead")}</p>
        <${Field} id="feed-url" label=${t("configure.url")} hint=${t("configure.url.hint")} error=${ofUrl}>
          ${(attributes) => html`
            <input
              type="url" class="input" inputmode="url" autocomplete="url" spellcheck=${false} required dir="ltr"
              placeholder="https://example.com/feed.xml" value=${draft.url} disabled=${inspection.isReading}
              onInput=${(event) => changeUrl(event.target.value)} onBlur=${() => show(tidied(url))}
              ...${attributes}
            />
          `}
        <//>
        ${inspection.isReading && html`
          <${InspectionProgress} progress=${inspection.progress} onCancel=${inspection.cancel} />
        `}
        <div ref=${answer}>
          ${problem?.feeds?.length > 0 && html`<${AnnouncedFeeds} feeds=${problem.feeds} onTake=${take} />`}
          ${problem && !problem.feeds?.length && !told(t, problem, "url") && html`
            <${ProblemNotice}
              problem=${problem} onRetry=${again}
              title=${problem.status === 502 ? t("configure.unreadable") : ""}
            />
          `}
        </div>
        ${isRead && !inspection.isReading && !problem && html`
          <${Notice} tone="success" title=${t("configure.read", { count: draft.feed.recordCount ?? 0 })}>
            <p>${t("configure.read.headings", { count: draft.feed.headings.length })}</p>
            <div class="buttons">
              <button type="button" class="button small" onClick=${again}>${t("configure.readAgain")}</button>
              <button type="button" class="button small quiet" onClick=${onStartOver}>${t("action.startOver")}</button>
            </div>
          <//>
        `}
        <${Authentication} ...${props} isDisabled=${inspection.isReading} onChange=${inspection.forget} />
      </main>
      <${StepFooter} onBack=${onBack}>
        <button type="submit" class="button primary" disabled=${inspection.isReading}>
          ${t(isRead ? "action.next" : "configure.readFeed")}
        </button>
      <//>
    </form>
  `;
}

/** What the API says of a single field; with 422 a refused address is one, too. */
function told(t, problem, field) {
  if (problem?.status !== 422) return "";
  const words = causeWords(t, problem.cause);
  if (words) return words;
  const told = problem.details.filter((one) => one.field === field);
  return told.map((one) => `${t("configure.url")}: ${one.message}`).join(" ");
}

/** A web page was given: the feeds that it announces, one click away. */
function AnnouncedFeeds({ feeds, onTake }) {
  const { t } = useShell();
  return html`
    <${Notice} tone="info" title=${t("configure.page")}>
      <p>${t("configure.page.choose")}</p>
      <ul class="choices">
        ${feeds.filter((feed) => isWebAddress(feed.url)).map((feed) => html`
          <li key=${feed.url}>
            <button type="button" class="choice" onClick=${() => onTake(feed.url)}>
              <${Icon} name="feed" />
              <span class="choice-words">
                <span class="choice-title">${feed.title || t("configure.page.untitled")}</span>
                <span class="choice-more" dir="ltr">${feed.url}</span>
              </span>
            </button>
          </li>
        `)}
      </ul>
    <//>
  `;
}

/** Password, token or key; folded away unless there is one. */
function Authentication(props) {
  const { draft, change, auth, setAuth, edited, isAuthLost, isDisabled, onChange } = props;
  const { fieldProblems, setFieldProblems } = props;
  const { t } = useShell();
  const { authKind } = draft;
  const [isOpen, setOpen] = useState(authKind !== "none");
  const fold = useRef(null);
  const problem = fieldProblems.authHeaderName || fieldProblems.authHeaderValue;
  useEffect(() => {
    if (authKind !== "none") setOpen(true);
  }, [authKind]);
  useEffect(() => {
    if (!problem || authKind === "none") return;
    fold.current.open = true; // at once: what is folded away takes no focus
    document.getElementById(`auth-${authKind}`).focus();
  }, [problem]);

  function set(patch) {
    onChange();
    setFieldProblems({});
    setAuth({ ...auth, ...patch });
    change({ feedUrl: null }); // what was read with other words has to be read again
  }
  function choose(kind) {
    onChange();
    setFieldProblems({});
    change({ authKind: kind, feedUrl: null });
  }
  const input = (name, type = "text", autocomplete = "off") => (attributes) => html`
    <input
      type=${type} class="input" value=${auth[name]} disabled=${isDisabled} autocomplete=${autocomplete}
      spellcheck=${false} dir="ltr" onInput=${(event) => set({ [name]: event.target.value })} ...${attributes}
    />
  `;
  // Not one of the passwords that the browser keeps for this application.
  const secret = (name) => input(name, "password", "new-password");
  return html`
    <details class="fold" ref=${fold} open=${isOpen} onToggle=${(event) => setOpen(event.currentTarget.open)}>
      <summary><${Icon} name="chevron" /> ${t("auth.title")}</summary>
      <div class="fold-body">
        <fieldset class="segments">
          <legend>${t("auth.kind")}</legend>
          ${AUTH_KINDS.map((kind) => html`
            <label key=${kind} class="segment">
              <input
                type="radio" name="auth-kind" value=${kind} checked=${authKind === kind} disabled=${isDisabled}
                onChange=${() => choose(kind)}
              />
              <span>${t(`auth.${kind}`)}</span>
            </label>
          `)}
        </fieldset>
        ${edited && authKind === "none" && html`<p class="hint">${t("auth.kept")}</p>`}
        ${authKind !== "none" && isAuthLost && draft.feed && html`<p class="hint">${t(`auth.${authKind}.needed`)}</p>`}
        ${authKind === "basic" && html`
          <div class="pair">
            <${Field} id="auth-basic" label=${t("auth.user")}>${input("user")}<//>
            <${Field} id="auth-password" label=${t("auth.password")} error=${problem}>${secret("password")}<//>
          </div>
        `}
        ${authKind === "bearer" && html`
          <${Field} id="auth-bearer" label=${t("auth.token")} error=${problem}>${secret("token")}<//>
        `}
        ${authKind === "header" && html`
          <div class="pair">
            <${Field} id="auth-header" label=${t("auth.headerName")} error=${fieldProblems.authHeaderName}>
              ${input("headerName")}
            <//>
            <${Field} id="auth-value" label=${t("auth.headerValue")} error=${fieldProblems.authHeaderValue}>
              ${secret("headerValue")}
            <//>
          </div>
        `}
        ${authKind !== "none" && html`<p class="hint">${t("auth.hint")}</p>`}
      </div>
    </details>
  `;
}
