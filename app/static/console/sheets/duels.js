// What visitors chose between two versions, and what may be concluded so far.

import { h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { lineChart, whiskers } from "../charts.js";
import { chip, count, emptyState, number, panel } from "../ui.js";

const KINDS = { newer: "good", older: "bad", open: "warn" };

/** Returns the elements of the duel. */
export function drawDuels({ pairs, visitors, settings }) {
  const intro = t("sheets.duel_intro", {
    visitors,
    share: number(settings.share * 100, settings.share * 100 < 10 ? 1 : 0),
    days: number(settings.days, 0),
  });
  const head = h("p", { class: "soft intro" }, intro);
  if (!pairs.length) return [head, emptyState(t("sheets.duel_none"), t("sheets.duel_none_text"))];
  return [head, ...pairs.map((one) => pairPanel(one, settings))];
}

function pairPanel(one, settings) {
  return panel(
    null,
    h(
      "div",
      { class: "row spread" },
      h("h2", { class: "panel-title" }, t("sheets.duel_pair", { newer: one.newer, older: one.older })),
      chip(t(`sheets.standing_${one.standing}`), KINDS[one.standing]),
    ),
    h("p", { class: "duel-verdict" }, verdict(one)),
    h("div", { class: "duel-figures" }, share(one), tally(one, settings)),
    one.curve.length ? evidence(one) : null,
  );
}

function verdict(one) {
  const values = {
    newer: one.newer,
    older: one.older,
    n: one.decided_after,
    counted: one.counted,
    share: percent(one.share),
    low: percent(one.low),
    high: percent(one.high),
  };
  if (one.standing !== "open") return t(`sheets.verdict_${one.standing}`, values);
  return t(one.counted ? "sheets.verdict_open" : "sheets.verdict_nothing", values);
}

function percent(value) {
  return value === null ? "–" : `${number(value * 100, 1)} %`;
}

function share(one) {
  const label = t("sheets.duel_share", {
    share: percent(one.share),
    low: percent(one.low),
    high: percent(one.high),
  });
  return h(
    "div",
    { class: "duel-share" },
    h("p", {}, label),
    whiskers({ value: one.share, low: one.low, high: one.high, range: [0, 1], marks: [0.5], label }),
    h(
      "p",
      { class: "row spread soft duel-ends" },
      h("span", {}, t("sheets.duel_end_older")),
      h("span", {}, t("sheets.duel_end_newer")),
    ),
  );
}

function tally(one, settings) {
  const rows = [
    ["duel_asked", one.asked],
    ["duel_votes", one.votes],
    ["duel_for_newer", one.for_newer],
    ["duel_for_older", one.for_older],
    ["duel_ties", one.ties],
    ["duel_counted", one.counted],
    ["duel_visitors", one.visitors],
  ];
  return h(
    "div",
    {},
    h(
      "dl",
      { class: "tally" },
      rows.flatMap(([key, value]) => [h("dt", {}, t(`sheets.${key}`)), h("dd", {}, count(value))]),
    ),
    h("p", { class: "soft" }, t("sheets.duel_cap", { most: settings.votes_per_visitor })),
  );
}

/** Wealth of both bettors, as powers of ten, and the line that decides. */
function evidence(one) {
  const last = one.curve.at(-1).votes;
  const series = ["newer", "older"].map((side) => ({
    name: t(`sheets.evidence_${side}`),
    points: [
      { x: 0, y: 0 },
      ...one.curve.map((point) => ({ x: point.votes, y: Math.log10(Math.max(point[side], 1e-9)) })),
    ],
  }));
  const limit = Math.log10(one.bound);
  series.push({
    name: t("sheets.evidence_bound", { bound: number(one.bound, 0) }),
    points: [
      { x: 0, y: limit },
      { x: last, y: limit },
    ],
  });
  return h(
    "div",
    { class: "duel-evidence" },
    h("h3", {}, t("sheets.evidence")),
    h("p", { class: "soft" }, t("sheets.evidence_note")),
    lineChart({ series, label: t("sheets.evidence") }),
  );
}
