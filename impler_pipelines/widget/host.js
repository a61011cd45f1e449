/**
 * Owns the conversation with the page that embeds the widget. It shows nothing.
 *
 * Messages are `{impler: 1, type, …}`. Only `ready`, which says nothing, goes to any origin; all
 * others come from and go to the one origin that answered it and that the project allows.
 */

const RENEWAL_SECONDS = 20;

/**
 * Whether `origin` is one of `allowed`; `https://*.example.com` stands for its subdomains, as in a
 * Content-Security-Policy.
 * @param {string} origin
 * @param {string[]} allowed
 */
export function isAllowed(origin, allowed) {
  return allowed.some((pattern) => {
    if (!pattern.includes("://*.")) return pattern === origin;
    const [scheme, rest] = pattern.split("://*");
    return origin.startsWith(`${scheme}://`) && origin.endsWith(rest) &&
      origin.length > scheme.length + 3 + rest.length;
  });
}

/** The origins that the server wrote into the page, and its own. */
export function allowedOrigins() {
  const meta = document.querySelector('meta[name="impler-origins"]');
  const listed = JSON.parse(meta?.content || "[]");
  return [window.location.origin, ...listed];
}

/**
 * Say that the widget is ready, and listen.
 *
 * @param {string[]} allowed origins that may embed
 * @returns {{
 *   started: Promise<object>,          what `start` brought
 *   send: (type: string, more?: object) => void,
 *   renewToken: () => Promise<string|null>,  a new session token, null if none comes
 *   onCloseAsked: (react: () => void) => () => void,
 * }}
 */
export function connect(allowed) {
  let hostOrigin = null;
  let tellStarted;
  let tellToken = null;
  let spareToken = null; // one that came before it was asked for
  const closeAsked = new Set();
  const started = new Promise((resolve) => (tellStarted = resolve));

  const reactions = {
    start: (message) => tellStarted(message),
    token: ({ sessionToken }) => {
      if (tellToken) tellToken(sessionToken || null);
      else spareToken = sessionToken;
    },
    "close-asked": () => closeAsked.forEach((react) => react()),
  };

  window.addEventListener("message", (event) => {
    const message = event.data;
    if (event.source !== window.parent || message?.impler !== 1) return;
    if (hostOrigin ? event.origin !== hostOrigin : !isAllowed(event.origin, allowed)) return;
    if (!hostOrigin && message.type !== "start") return;
    hostOrigin = event.origin;
    reactions[message.type]?.(message);
  });

  const post = (origin, type, more) =>
    window.parent.postMessage({ impler: 1, type, ...more }, origin);
  const send = (type, more) => hostOrigin && post(hostOrigin, type, more);

  function renewToken() {
    const spare = spareToken;
    spareToken = null;
    if (spare) return Promise.resolve(spare);
    return new Promise((resolve) => {
      tellToken = (token) => {
        clearTimeout(waited);
        tellToken = null;
        resolve(token);
      };
      const waited = setTimeout(tellToken, RENEWAL_SECONDS * 1000, null);
      send("session-expired");
    });
  }

  function onCloseAsked(react) {
    closeAsked.add(react);
    return () => closeAsked.delete(react);
  }

  post("*", "ready");
  return { started, send, renewToken, onCloseAsked };
}
