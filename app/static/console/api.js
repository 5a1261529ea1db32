// The routes below /api/console/. Every failure is an ApiError; "offline": not reached at all.

import { language, t } from "../shared/texts.js";

const ROOT = new URL("/api/console/", window.location.href);
const LOGIN = new URL("/login", window.location.href);

export class ApiError extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Returns the address of a route; `params` without null, undefined and "" become its query. */
export function address(path, params = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(params)) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") url.searchParams.append(name, one);
    }
  }
  return url;
}

/** Reads a route. `signal` stops waiting for it. */
export function get(path, params = {}, signal = undefined) {
  return call("GET", address(path, params), undefined, signal);
}

/** Changes something: `method` POST, PUT, PATCH or DELETE. */
export function send(method, path, body = undefined) {
  return call(method, address(path), body);
}

async function call(method, url, body, signal) {
  const headers = { "Accept-Language": language() };
  if (method !== "GET") headers["X-Yogeiko"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("offline", t("common.offline"), 0);
  }
  const text = await answer.text();
  let data = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    throw new ApiError("bad_answer", t("common.failed"), answer.status);
  }
  if (answer.ok) return data;
  const code = data?.error?.code ?? "unknown";
  if (code === "login_needed") window.location.assign(LOGIN);
  throw new ApiError(code, data?.error?.message ?? t("common.failed"), answer.status);
}
