/** Addresses that came from outside: which of them may be a link, and how they are shown. */

/** Whether `text` is an address on the web: http or https, with a host. */
export function isWebAddress(text) {
  try {
    const url = new URL(text);
    return (url.protocol === "https:" || url.protocol === "http:") && Boolean(url.hostname);
  } catch {
    return false;
  }
}

/** `https://shop.example`; null for what is no address. */
export const originOf = (text) => (isWebAddress(text) ? new URL(text).origin : null);

/** What was typed as a whole address: `shop.example/feed` is one of https. */
export function wholeAddress(text) {
  const hasScheme = /^[a-z][a-z\d+.-]*:/i.test(text) && !/^[^/]*:\d/.test(text);
  return hasScheme || !text.includes(".") ? text : `https://${text}`;
}

/** `shop.example/feed.xml` for `https://shop.example/feed.xml?key=…`. */
export function shortAddress(text) {
  if (!isWebAddress(text)) return text;
  const { host, pathname } = new URL(text);
  return host + (pathname === "/" ? "" : pathname);
}

/** A file's name of letters, digits, dots and dashes, whatever it is made of. */
export function safeFileName(text, ending) {
  const plain = text.normalize("NFKD").replace(/[^\p{L}\p{N}.-]+/gu, "-").replace(/^[.-]+|[.-]+$/g, "");
  return `${plain.slice(0, 80) || "download"}.${ending}`;
}

/** Hand a file to the browser's downloads. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
