/**
 * Shows the import widget in a page of a host application. A classic script: it sets
 * `window.ImplerPipelines` and defines the element `<impler-pipelines>`.
 *
 *   ImplerPipelines.show({templateId, sessionToken, …})                a dialog over the page
 *   ImplerPipelines.imports({container, templateId, sessionToken, …})  "My imports" inside it
 *   <impler-pipelines view="imports" template-id="…" session-token="…"></impler-pipelines>
 *
 * The widget runs in an iframe of the server that this script came from. Both sides talk by
 * messages, each to the other's origin alone; the token never stands in an address.
 *
 * @typedef {{
 *   templateId: string,
 *   sessionToken: string,                 made by your server: POST /v1/sessions
 *   view?: "import"|"imports",
 *   extra?: object|string,
 *   theme?: "light"|"dark"|"auto"|{mode?: string, accent?: string, radius?: string, font?: string},
 *   locale?: string,
 *   texts?: Record<string, string>,
 *   onConfirm?: (importJob: object) => void,
 *   onClose?: () => void,
 *   onSessionExpired?: () => string|Promise<string>,   gives a new session token
 * }} Options
 */
(() => {
  "use strict";

  const BASE = new URL(".", document.currentScript.src);
  const LOADING_SECONDS = 15;
  const HINT = "The import widget did not answer. Is the origin of this page one of the project's" +
    " (PUT /v1/project/origins)?";
  const SORRY = {
    en: ["The import could not be loaded.", "Close"],
    de: ["Der Import konnte nicht geladen werden.", "Schließen"],
  };

  const FRAME_STYLE = `
    :host { display: block; }
    iframe { display: block; inline-size: 100%; border: 0; background: transparent; color-scheme: normal; }
    .sorry { padding: 24px; font: 16px/1.5 system-ui, sans-serif; }
    .sorry p { margin: 0 0 16px; }
    .sorry button { font: inherit; min-block-size: 44px; padding-inline: 16px; }
  `;
  const DIALOG_STYLE = `
    dialog {
      inline-size: min(1080px, 100vw - 48px); block-size: min(860px, 100dvh - 48px);
      max-inline-size: none; max-block-size: none; padding: 0; border: 0; border-radius: 16px;
      overflow: hidden; background: Canvas; color: CanvasText;
      box-shadow: 0 24px 64px rgb(0 0 0 / 0.28); color-scheme: light dark;
    }
    dialog.light { color-scheme: light; }
    dialog.dark { color-scheme: dark; }
    dialog::backdrop { background: rgb(12 16 24 / 0.5); }
    iframe { block-size: 100%; }
    @media (max-width: 640px) {
      dialog { inline-size: 100vw; block-size: 100dvh; border-radius: 0; }
    }
    @media (prefers-reduced-motion: no-preference) {
      dialog[open] { animation: enter 0.16s ease-out; }
      @keyframes enter { from { opacity: 0; transform: translateY(8px); } }
    }
  `;

  /**
   * An iframe with the widget, and the conversation with it.
   *
   * @param {Options & {isDialog: boolean, onHeight?: (px: number) => void, onSilence?: () => void}} options
   *   `onSilence`: the widget did not load
   * @returns {{iframe: HTMLIFrameElement, isReady: () => boolean, askToClose: () => void,
   *   renew: (sessionToken: string|null) => void, end: () => void}}
   */
  function openFrame(options) {
    let { sessionToken } = options;
    const iframe = document.createElement("iframe");
    iframe.src = new URL(`widget/${encodeURIComponent(options.templateId)}`, BASE).href;
    iframe.title = "Import";
    iframe.referrerPolicy = "no-referrer";
    let isReady = false;

    const send = (type, more) =>
      iframe.contentWindow?.postMessage({ impler: 1, type, ...more }, BASE.origin);

    const reactions = {
      ready() {
        const { extra, theme, locale, texts, view } = options;
        const words = locale || document.documentElement.lang || navigator.language;
        send("start", { sessionToken, extra, theme, locale: words, texts, view, dialog: options.isDialog });
      },
      // A page of another origin than the project's is told nothing.
      started() {
        isReady = true;
        clearTimeout(silence);
      },
      confirmed: (message) => options.onConfirm?.(message.importJob),
      closed: () => options.onClose?.(),
      height: (message) => options.onHeight?.(Number(message.px)),
      async "session-expired"() {
        let fresh = null;
        try {
          fresh = await options.onSessionExpired?.();
        } catch (error) {
          console.error("A new session token could not be had.", error);
        }
        // Without one the widget tells the user; whoever renews by attribute answers later.
        if (fresh || !options.renewsLater) renew(fresh || null);
      },
    };

    function renew(token) {
      sessionToken = token || sessionToken;
      if (isReady) send("token", { sessionToken: token });
    }

    function listen(event) {
      if (event.source !== iframe.contentWindow || event.origin !== BASE.origin) return;
      if (event.data?.impler === 1) reactions[event.data.type]?.(event.data);
    }

    const silence = setTimeout(() => {
      console.error(HINT);
      options.onSilence?.();
    }, LOADING_SECONDS * 1000);
    window.addEventListener("message", listen);

    function end() {
      clearTimeout(silence);
      window.removeEventListener("message", listen);
      iframe.remove();
    }
    return { iframe, isReady: () => isReady, askToClose: () => send("close-asked"), renew, end };
  }

  /** A shadow root with its own style: neither the page's style nor its policy is in the way. */
  function shadowOf(element, ...styles) {
    const shadow = element.shadowRoot || element.attachShadow({ mode: "open" });
    shadow.adoptedStyleSheets = styles.map((style) => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(style);
      return sheet;
    });
    return shadow;
  }

  /** What stands in the place of a widget that does not load. */
  function sorry(locale, onClose) {
    const [words, close] = SORRY[(locale || navigator.language).split("-")[0]] || SORRY.en;
    const note = document.createElement("div");
    note.className = "sorry";
    note.setAttribute("role", "alert");
    const text = document.createElement("p");
    text.textContent = words;
    note.append(text);
    if (onClose) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = close;
      button.addEventListener("click", onClose);
      note.append(button);
    }
    return note;
  }

  /**
   * Open the widget as a dialog over the page.
   * @param {Options} options
   * @returns {{close: () => void}}
   */
  function show(options) {
    checkOptions(options);
    const place = document.createElement("div");
    const dialog = document.createElement("dialog");
    const { theme } = options;
    dialog.className = (typeof theme === "string" ? theme : theme?.mode) || "auto";
    const scroll = document.documentElement.style.overflow;
    let isOpen = true;

    function close() {
      if (!isOpen) return;
      isOpen = false;
      dialog.close(); // gives the focus back
      frame.end();
      place.remove();
      document.documentElement.style.overflow = scroll;
      options.onClose?.();
    }

    const frame = openFrame({
      ...options,
      isDialog: true,
      onClose: close,
      onSilence: () => frame.iframe.replaceWith(sorry(options.locale, close)),
    });
    dialog.setAttribute("aria-label", frame.iframe.title);
    dialog.append(frame.iframe);
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      if (frame.isReady()) frame.askToClose();
      else close();
    });
    // Browsers close a dialog for good at a second Esc without a click in between.
    dialog.addEventListener("close", close);
    shadowOf(place, FRAME_STYLE, DIALOG_STYLE).append(dialog);
    document.body.append(place);
    document.documentElement.style.overflow = "hidden";
    dialog.showModal();
    frame.iframe.focus();
    return { close };
  }

  /** Show the widget in an element of the page, as high as its content. */
  function embed(element, options) {
    checkOptions(options);
    const shadow = shadowOf(element, FRAME_STYLE);
    const frame = openFrame({
      ...options,
      isDialog: false,
      onHeight: (px) => (frame.iframe.style.blockSize = `${px}px`),
      onSilence: () => frame.iframe.replaceWith(sorry(options.locale)),
    });
    frame.iframe.style.blockSize = "480px";
    shadow.replaceChildren(frame.iframe);
    return frame;
  }

  /**
   * Show the user's imports inside `container`.
   * @param {Options & {container: Element|string}} options
   * @returns {{close: () => void}}
   */
  function imports({ container, ...options }) {
    const parent = typeof container === "string" ? document.querySelector(container) : container;
    if (!parent) throw new TypeError(`ImplerPipelines: there is no container ${container}`);
    const element = document.createElement("div");
    parent.append(element);
    const frame = embed(element, { view: "imports", ...options });
    return {
      close() {
        frame.end();
        element.remove();
      },
    };
  }

  function checkOptions({ templateId, sessionToken }) {
    if (!templateId) throw new TypeError("ImplerPipelines: templateId is missing");
    if (!sessionToken) throw new TypeError("ImplerPipelines: sessionToken is missing");
  }

  /**
   * The same as an element. Attributes: `view`, `template-id`, `session-token`, `theme`, `locale`;
   * properties: `extra`, `texts`, `theme`, `onSessionExpired`. Events: `confirmed` (detail: the
   * import job), `closed`, `session-expired`: set `session-token` anew then.
   */
  class ImplerPipelinesElement extends HTMLElement {
    static observedAttributes = ["view", "template-id", "session-token", "theme", "locale"];
    #frame = null;
    #isDue = false;

    connectedCallback() {
      this.#openSoon();
    }

    disconnectedCallback() {
      this.#close();
    }

    attributeChangedCallback(name, before, after) {
      if (before === after) return;
      if (name === "session-token" && this.#frame) this.#frame.renew(after);
      else this.#openSoon();
    }

    /** Once all that is set at the same time is set. */
    #openSoon() {
      if (this.#isDue) return;
      this.#isDue = true;
      queueMicrotask(() => {
        this.#isDue = false;
        if (this.isConnected) this.#open();
      });
    }

    #open() {
      this.#close();
      const templateId = this.getAttribute("template-id");
      const sessionToken = this.getAttribute("session-token");
      if (!templateId || !sessionToken) return; // frameworks set them one after the other
      const tell = (type, detail) => this.dispatchEvent(new CustomEvent(type, { detail }));
      this.#frame = embed(this, {
        templateId,
        sessionToken,
        view: this.getAttribute("view") || "import",
        theme: this.theme ?? this.getAttribute("theme"),
        locale: this.getAttribute("locale") || undefined,
        extra: this.extra,
        texts: this.texts,
        renewsLater: true,
        onConfirm: (importJob) => tell("confirmed", importJob),
        onClose: () => tell("closed"),
        onSessionExpired: () => {
          tell("session-expired");
          return this.onSessionExpired?.();
        },
      });
    }

    #close() {
      this.#frame?.end();
      this.#frame = null;
    }
  }

  window.ImplerPipelines = { show, imports };
  if (!customElements.get("impler-pipelines")) {
    customElements.define("impler-pipelines", ImplerPipelinesElement);
  }
})();
