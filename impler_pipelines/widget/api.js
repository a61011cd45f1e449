/**
 * Talks to the control API with the session's token, which is renewed once when it has expired.
 * Every failure is a `Problem`. It shows nothing and keeps nothing.
 */

/** What went wrong with a request. `status` is HTTP's; 0: there was no answer at all. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {{message?: string, details?: {field: string, message: string}[],
   *   cause?: {code: string}, feeds?: {url: string, title?: string, type?: string}[]}} body
   * @param {number|null} retryAfter in seconds
   */
  constructor(status, body = {}, retryAfter = null) {
    super(body.message || "");
    this.status = status;
    this.details = body.details || [];
    this.cause = body.cause || null;
    this.feeds = body.feeds || null;
    this.retryAfter = retryAfter;
  }
}

export const isAbort = (error) => error?.name === "AbortError";

const segment = encodeURIComponent;
const query = (values) => {
  const given = Object.entries(values).filter(([, value]) => value != null);
  return given.length ? `?${new URLSearchParams(given)}` : "";
};

/**
 * @param {{base: string, token: string, renewToken: () => Promise<string|null>}} options `base`
 *   ends with `/v1/`
 */
export function createApi({ base, token, renewToken }) {
  let renewing = null;

  /** True once there is another token than `used`. */
  async function isRenewed(used) {
    if (token !== used) return true;
    renewing ??= renewToken().finally(() => (renewing = null));
    token = (await renewing) || token;
    return token !== used;
  }

  /** What `ask` answers, asked once more with a new token, should it answer 401. */
  async function withToken(ask) {
    const used = token;
    const answer = await ask(used);
    return answer.status === 401 && await isRenewed(used) ? ask(token) : answer;
  }

  async function send(method, path, { body, accept = "application/json", signal } = {}) {
    const headers = { accept };
    if (body !== undefined) headers["content-type"] = "application/json";
    const options = {
      method, signal, body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "omit", cache: "no-store",
    };
    let response;
    try {
      response = await withToken((used) =>
        fetch(base + path, { ...options, headers: { ...headers, authorization: `Bearer ${used}` } }));
    } catch (error) {
      throw isAbort(error) ? error : new Problem(0);
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }

  const json = async (method, path, options) => (await send(method, path, options)).json();

  /** One page of a list, and the cursor of the next, null on the last. */
  async function page(path, values) {
    const response = await send("GET", path + query(values));
    return { items: await response.json(), next: response.headers.get("X-Next-Cursor") };
  }

  /**
   * Read a feed's headings. `onProgress` gets `{event: "fetching", bytes, totalBytes}` and
   * `{event: "reading", records}`.
   */
  async function inspect(body, { onProgress, signal }) {
    const options = { body, signal, accept: "application/x-ndjson" };
    const response = await send("POST", "feeds/inspect", options);
    for await (const line of jsonLines(response.body)) {
      if (line.event === "done") return line.feed;
      if (line.event === "failed") throw new Problem(line.problem.statusCode, line.problem);
      onProgress(line);
    }
    throw new Problem(0);
  }

  /** Send a file; `onProgress` gets the share that has been sent, from 0 to 1. */
  async function upload(templateId, file, fields, { onProgress, signal }) {
    const form = new FormData();
    Object.entries(fields).forEach(([name, value]) => form.append(name, value));
    form.append("file", file, file.name);
    const url = `${base}uploads/${segment(templateId)}`;
    const request = await withToken((used) => sendForm(url, used, form, onProgress, signal));
    const body = parsed(request.responseText);
    if (request.status !== 201) {
      throw new Problem(request.status, body, seconds(request.getResponseHeader("Retry-After")));
    }
    return body;
  }

  const job = (id) => `import-jobs/${segment(id)}`;
  const run = (id, runId) => `${job(id)}/runs/${segment(runId)}`;

  return {
    inspect,
    upload,
    session: () => json("GET", "session"),
    previewFeed: (body, signal) => json("POST", "feeds/preview", { body, signal }),
    previewSchedule: (body, signal) => json("POST", "schedules/preview", { body, signal }),
    createImportJob: (templateId, body) => json("POST", job(templateId), { body }),
    importJobs: (user, values = {}) => page(`import-jobs/user/${segment(user)}`, values),
    importJob: (id) => json("GET", job(id)),
    changeImportJob: (id, body) => json("PUT", job(id), { body }),
    deleteImportJob: (id) => json("DELETE", job(id)),
    pause: (id) => json("PUT", `import-jobs/user/${segment(id)}/pause`),
    resume: (id) => json("PUT", `import-jobs/user/${segment(id)}/resume`),
    mappings: (id) => json("GET", `${job(id)}/mappings`),
    replaceMappings: (id, body) => json("PUT", `${job(id)}/mappings`, { body }),
    previewImportJob: (id, body, signal) => json("POST", `${job(id)}/preview`, { body, signal }),
    runs: (id, values = {}) => page(`${job(id)}/runs`, values),
    run: (id, runId) => json("GET", run(id, runId)),
    runNow: (id) => json("POST", `${job(id)}/runs`),
    cancelRun: (id, runId) => json("POST", `${run(id, runId)}/cancel`),
    retryRun: (id, runId) => json("POST", `${run(id, runId)}/retry`),
    rejects: (id, runId, values = {}) => page(`${run(id, runId)}/rejects`, values),
    rejectsFile: async (id, runId) => {
      const response = await send("GET", `${run(id, runId)}/rejects?format=csv`, { accept: "*/*" });
      return response.blob();
    },
  };
}

async function problemOf(response) {
  const body = parsed(await response.text().catch(() => ""));
  return new Problem(response.status, body, seconds(response.headers.get("Retry-After")));
}

const seconds = (header) => (header && Number.isFinite(Number(header)) ? Number(header) : null);

/** The JSON of an answer; a proxy's page in between is no JSON, and says nothing to a user. */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** Each line of a stream as JSON. The stream is cancelled when its reader stops early. */
async function* jsonLines(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const lines = (rest + decoder.decode(value, { stream: !done })).split("\n");
      rest = done ? "" : lines.pop();
      for (const line of lines) if (line.trim()) yield JSON.parse(line);
      if (done) return;
    }
  } catch (error) {
    throw isAbort(error) ? error : new Problem(0);
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** XMLHttpRequest, since fetch tells nothing about what has been sent so far. */
function sendForm(url, token, form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("authorization", `Bearer ${token}`);
    request.setRequestHeader("accept", "application/json");
    request.upload.onprogress = (event) =>
      event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Problem(0));
    request.onabort = () => reject(new DOMException("Cancelled", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
