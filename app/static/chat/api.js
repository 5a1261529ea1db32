// The chat API. Every failure is an ApiError; `code` "offline" means the server was not reached.

import { language, t } from "../shared/texts.js";

const ROOT = new URL("../../", import.meta.url);

export class ApiError extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

async function call(method, path, body) {
  const headers = { "Accept-Language": language() };
  if (method !== "GET") headers["X-Yogeiko"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, ROOT), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new ApiError("offline", t("offline"), 0);
  }
  const text = await answer.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    if (answer.ok) throw new ApiError("bad_answer", t("error_generic"), answer.status);
  }
  if (answer.ok) return data;
  const error = data?.error;
  throw new ApiError(
    error?.code ?? "unknown",
    error?.message ?? t(answer.status === 429 ? "error_rate" : "error_generic"),
    answer.status,
  );
}

const id = encodeURIComponent;

export const api = {
  me: () => call("GET", "api/me"),
  health: () => call("GET", "healthz"),
  setConsent: (allow) => call("PUT", "api/consent", { allow }),
  setDuel: (allow) => call("PUT", "api/duel", { allow }),
  erase: () => call("DELETE", "api/me"),
  conversations: (query) =>
    call("GET", query ? `api/conversations?q=${id(query)}` : "api/conversations"),
  conversation: (c) => call("GET", `api/conversations/${id(c)}`),
  create: () => call("POST", "api/conversations"),
  rename: (c, title) => call("PATCH", `api/conversations/${id(c)}`, { title }),
  remove: (c) => call("DELETE", `api/conversations/${id(c)}`),
  say: (c, text) => call("POST", `api/conversations/${id(c)}/turns`, { text }),
  edit: (turn, text) => call("POST", `api/turns/${id(turn)}/edit`, { text }),
  regenerate: (turn) => call("POST", `api/turns/${id(turn)}/regenerate`),
  show: (turn, index) => call("PUT", `api/turns/${id(turn)}/shown`, { index }),
  choose: (turn, choice) => call("PUT", `api/turns/${id(turn)}/duel`, { choice }),
  learn: (turn, learn) => call("PUT", `api/turns/${id(turn)}/learn`, { learn }),
  stop: (reply) => call("POST", `api/replies/${id(reply)}/stop`),
  feedback: (reply, thumb, reason) =>
    call("PUT", `api/replies/${id(reply)}/feedback`, reason ? { thumb, reason } : { thumb }),
  exportLink: (c, format) =>
    new URL(`api/conversations/${id(c)}/export?format=${format}`, ROOT).href,
  exportAllLink: () => new URL("api/export?format=json", ROOT).href,
};

const RETRY_MS = [500, 1000, 2000, 4000, 8000];

/**
 * Follows a reply until it is done or failed; reconnects by itself. Returns a function that stops
 * following (the reply itself goes on). Handlers: queued({position}), text({text}),
 * done({reply}), failed({message}), lost(), back().
 */
export function followReply(reply, handlers) {
  let source = null;
  let timer = 0;
  let failures = 0;
  let closed = false;

  const close = () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
    window.removeEventListener("online", reconnect);
  };
  const parse = (event) => {
    if (failures) handlers.back();
    failures = 0;
    return JSON.parse(event.data);
  };
  function open() {
    source = new EventSource(new URL(`api/replies/${id(reply)}/events?lang=${language()}`, ROOT));
    source.addEventListener("open", () => {
      if (failures) handlers.back();
      failures = 0;
    });
    source.addEventListener("queued", (event) => handlers.queued(parse(event)));
    source.addEventListener("text", (event) => handlers.text(parse(event)));
    source.addEventListener("done", (event) => {
      const data = parse(event);
      close();
      handlers.done(data);
    });
    source.addEventListener("failed", (event) => {
      const data = parse(event);
      close();
      handlers.failed(data);
    });
    source.addEventListener("error", () => {
      // The browser's own retry is replaced: it gives up on an HTTP error and never backs off.
      source.close();
      if (closed) return;
      if (failures === 1) handlers.lost();
      timer = setTimeout(open, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]);
      failures += 1;
    });
  }
  function reconnect() {
    if (closed) return;
    clearTimeout(timer);
    source?.close();
    open();
  }
  window.addEventListener("online", reconnect);
  open();
  return close;
}
