/** The widget's start: waits for the host, then shows the steps or the user's imports. */

import { html, render, useEffect, useState } from "./vendor/preact-htm.js";
import { createApi } from "./api.js";
import { allowedOrigins, connect } from "./host.js";
import { formats } from "./parts/format.js";
import { LoadingShell } from "./parts/loading.js";
import { ProblemNotice } from "./parts/notice.js";
import { ShellContext } from "./parts/shell.js";
import { applyTheme } from "./parts/theme.js";
import { directionOf, loadTexts, translator, usableLocale } from "./texts/translator.js";

const VIEWS = {
  import: () => import("./steps/wizard.js").then((module) => module.NewImport),
  imports: () => import("./imports/list.js").then((module) => module.Imports),
};

// `/widget/{templateId}`: the API is beside it.
const API_BASE = new URL("../v1/", window.location.href).href;

async function main() {
  const root = document.getElementById("app");
  if (window.parent === window) {
    root.textContent = "This page is shown inside an application, and does nothing by itself.";
    return;
  }
  const host = connect(allowedOrigins());
  const start = await host.started;
  const locale = usableLocale(start.locale);
  applyTheme(start.theme);
  const words = await loadTexts(locale, start.texts);
  document.documentElement.lang = words.language;
  document.documentElement.dir = directionOf(words.language);
  document.documentElement.dataset.frame = start.dialog ? "dialog" : "inline";
  if (!start.dialog) tellHeight(root, host);
  const t = translator(words, locale);
  const api = createApi({ base: API_BASE, token: start.sessionToken, renewToken: host.renewToken });
  const shell = {
    t, api,
    format: formats(locale),
    extra: start.extra,
    send: host.send,
    isDialog: Boolean(start.dialog),
    close: () => host.send("closed"),
  };
  // Whoever has a use for Esc (an open list, say) prevents what it does here.
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !event.defaultPrevented && shell.isDialog) shell.close();
  });
  host.onCloseAsked(shell.close);
  render(html`<${App} shell=${shell} view=${start.view} />`, root);
  host.send("started");
}

/** Ask who the session is for, then show the view. */
function App({ shell, view }) {
  const [loaded, setLoaded] = useState(null);
  const [problem, setProblem] = useState(null);

  async function load() {
    setProblem(null);
    try {
      const [session, View] = await Promise.all([shell.api.session(), (VIEWS[view] || VIEWS.import)()]);
      setLoaded({ View, shell: { ...shell, session } });
    } catch (error) {
      setProblem(error);
    }
  }
  useEffect(() => void load(), []);

  if (loaded) {
    return html`<${ShellContext.Provider} value=${loaded.shell}><${loaded.View} /><//>`;
  }
  return html`
    <${ShellContext.Provider} value=${shell}>
      <${LoadingShell}>
        ${problem && html`<${ProblemNotice} problem=${problem} onRetry=${load} />`}
      <//>
    <//>
  `;
}

/** Tell the host how high the content is, whenever that changes. */
function tellHeight(element, host) {
  new ResizeObserver(() => {
    host.send("height", { px: Math.ceil(element.getBoundingClientRect().height) });
  }).observe(element);
}

main();
