/** The header that opens a feed, from what a person knows: a password, a token, a key. Pure. */

/**
 * @typedef {{user: string, password: string, token: string, headerName: string, headerValue: string}}
 *   AuthFields
 */

export const AUTH_KINDS = ["none", "basic", "bearer", "header"];

/** @type {AuthFields} */
export const noAuth = { user: "", password: "", token: "", headerName: "X-API-Key", headerValue: "" };

/** Whether everything that `kind` needs is there. */
export function isComplete(kind, fields) {
  if (kind === "basic") return Boolean(fields.user || fields.password);
  if (kind === "bearer") return Boolean(fields.token.trim());
  if (kind === "header") return Boolean(fields.headerName.trim() && fields.headerValue.trim());
  return true;
}

/** `{authHeaderName, authHeaderValue}` for a request, or nothing. */
export function authHeader(kind, fields) {
  if (kind === "basic") return named("Authorization", `Basic ${base64(`${fields.user}:${fields.password}`)}`);
  if (kind === "bearer") return named("Authorization", `Bearer ${fields.token.trim()}`);
  if (kind === "header") return named(fields.headerName.trim(), fields.headerValue.trim());
  return {};
}

const named = (authHeaderName, authHeaderValue) => ({ authHeaderName, authHeaderValue });

/** RFC 7617: of UTF-8, whatever the characters are. */
function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/**
 * A pasted address without user and password, and these; nobody should have them in sight.
 * @returns {{url: string, user: string, password: string}|null} null: there are none in it
 */
export function splitUserinfo(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!url.username && !url.password) return null;
  const [user, password] = [url.username, url.password].map(decoded);
  url.username = "";
  url.password = "";
  return { url: url.href, user, password };
}

/** An address, whole or not yet, without whatever stands before the `@` of its host. */
export const withoutUserinfo = (address) => address.replace(/^(\s*[a-z][a-z\d+.-]*:\/\/)?[^/?#]*@/i, "$1");

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign is one.
  }
}
