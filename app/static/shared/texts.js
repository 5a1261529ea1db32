// Words of a page: JSON files, one per language and part of the page.

const LANGUAGES = ["ja", "en"];
const KEY = "yogeiko.lang";
const sources = [];
let words = {};
let current = "ja";

/** Loads the language chosen before, else Japanese. `first`: see `addTexts`. */
export async function loadTexts(first) {
  let wanted = "ja";
  try {
    wanted = localStorage.getItem(KEY) ?? "ja";
  } catch {
    // Storage may be refused; the choice then lasts as long as the page.
  }
  sources.push(first);
  await useLanguage(LANGUAGES.includes(wanted) ? wanted : "ja");
}

/**
 * Adds a file of words, once. `at(language)` is its address; its keys are known under `prefix`,
 * which also names the source.
 */
export async function addTexts(source) {
  if (sources.some((one) => one.prefix === source.prefix)) return;
  const more = await read(source, current);
  sources.push(source);
  Object.assign(words, more);
}

/** Switches to "ja" or "en" and remembers it. */
export async function useLanguage(language) {
  const parts = await Promise.all(sources.map((source) => read(source, language)));
  words = Object.assign({}, ...parts);
  current = language;
  document.documentElement.lang = language;
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // As above.
  }
}

async function read({ at, prefix }, language) {
  const address = at(language);
  const reply = await fetch(address);
  if (!reply.ok) throw new Error(`${address} answered ${reply.status}`);
  const entries = Object.entries(await reply.json());
  return Object.fromEntries(entries.map(([key, text]) => [prefix + key, text]));
}

/** "ja" or "en". */
export function language() {
  return current;
}

/** Returns the text for `key`; `{name}` places are filled from `values`, in one pass. */
export function t(key, values = {}) {
  const text = words[key] ?? key;
  if (typeof text !== "string") return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
}

/** Returns text without the marks that turn the writing direction, for use inside a sentence. */
export function withoutTurns(text) {
  return text.replace(/[\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "");
}

/** Returns the list of texts for `key`. */
export function list(key) {
  return Array.isArray(words[key]) ? words[key] : [];
}

/** Returns a short time: today the clock, this year the day, else the full date. */
export function shortTime(iso, now = new Date()) {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return "";
  const sameDay = at.toDateString() === now.toDateString();
  const options = sameDay
    ? { hour: "2-digit", minute: "2-digit" }
    : at.getFullYear() === now.getFullYear()
      ? { month: "short", day: "numeric" }
      : { year: "numeric", month: "short", day: "numeric" };
  return new Intl.DateTimeFormat(current, options).format(at);
}

/** Returns the day of a date without a time ("2026-09-24"), as it is called there. */
export function dayOf(date, now = new Date()) {
  const [year, month, day] = date.split("-").map(Number);
  const options = { month: current === "ja" ? "long" : "short", day: "numeric" };
  if (year !== now.getFullYear()) options.year = "numeric";
  return new Intl.DateTimeFormat(current, options).format(new Date(year, month - 1, day));
}
