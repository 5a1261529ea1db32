// A month of nights. A night's end is told by shape, colour and word.

import { button, h } from "../../shared/dom.js";
import { language, t } from "../../shared/texts.js";

const SHAPES = {
  published: "●",
  refused: "▲",
  skipped: "○",
  failed: "✕",
  stopped: "■",
  waiting: "◆",
  running: "◐",
};

/** How a night ended, as a mark with its word. */
export function statusMark(status) {
  return h(
    "span",
    { class: `mark mark-of-${status}` },
    h("i", { class: "mark-shape", "aria-hidden": "true" }, SHAPES[status]),
    t(`nights.status_${status}`),
  );
}

/** The days of "2026-09" before and after the month `months` away. */
export function monthAway(month, months) {
  const [year, number] = month.split("-").map(Number);
  const at = new Date(year, number - 1 + months, 1);
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}`;
}

/** A month as a grid of days; `pick(date)` and `turn(month)` are called for what is pressed. */
export function calendar({ month, days, chosen, first, last, pick, turn }) {
  const [year, number] = month.split("-").map(Number);
  const start = new Date(year, number - 1, 1);
  const length = new Date(year, number, 0).getDate();
  const lead = start.getDay();
  const byDate = new Map(days.map((day) => [day.date, day]));
  const title = new Intl.DateTimeFormat(language(), { year: "numeric", month: "long" }).format(start);
  const cells = [];
  for (let at = 0; at < lead; at += 1) cells.push(h("td", {}));
  for (let at = 1; at <= length; at += 1) {
    const date = `${month}-${String(at).padStart(2, "0")}`;
    cells.push(h("td", {}, cell(at, date, byDate.get(date), chosen, pick)));
  }
  while (cells.length % 7) cells.push(h("td", {}));
  const weeks = [];
  for (let at = 0; at < cells.length; at += 7) weeks.push(h("tr", {}, cells.slice(at, at + 7)));
  return h(
    "div",
    { class: "month" },
    h(
      "div",
      { class: "row spread month-head" },
      turner(t("nights.month_before"), "prev", first && first.slice(0, 7) < month, () => turn(-1)),
      h("h2", { class: "month-title" }, title),
      turner(t("nights.month_after"), "next", last && last.slice(0, 7) > month, () => turn(1)),
    ),
    h(
      "table",
      { class: "month-grid" },
      h("caption", { class: "unseen" }, title),
      h("thead", {}, h("tr", {}, weekdays().map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, weeks),
    ),
  );
}

function turner(label, symbol, possible, press) {
  return button({ label, symbol, press, disabled: !possible, key: `month-${symbol}` });
}

function weekdays() {
  const names = new Intl.DateTimeFormat(language(), { weekday: "narrow" });
  // 2023-01-01 was a Sunday.
  return Array.from({ length: 7 }, (_, at) => names.format(new Date(2023, 0, 1 + at)));
}

function cell(number, date, night, chosen, pick) {
  if (!night) return h("span", { class: "day day-none" }, String(number));
  return h(
    "button",
    {
      type: "button",
      class: "day",
      "aria-pressed": date === chosen ? "true" : "false",
      data: { k: `day-${date}` },
      on: { click: () => pick(date) },
    },
    h("span", { class: "day-number" }, String(number)),
    statusMark(night.status),
  );
}
