/** What every part of the widget can reach: words, formats, the API, the session and the host. */

import { createContext, useContext } from "../vendor/preact-htm.js";

/**
 * @typedef {{
 *   t: ((key: string, values?: object) => string) & {has: (key: string) => boolean},
 *   format: ReturnType<import("./format.js").formats>,
 *   api: ReturnType<import("../api.js").createApi>,
 *   session: {_templateId: string, templateName: string, mode: "automatic"|"manual",
 *     columns: object[], externalUserId: string},
 *   extra: object|undefined,
 *   send: (type: string, more?: object) => void,
 *   isDialog: boolean,
 *   close: () => void,
 * }} Shell
 */

export const ShellContext = createContext(null);

/** @returns {Shell} */
export const useShell = () => useContext(ShellContext);
