// One metric: its figures, every rating, its history, and what its weight changes.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { lineChart } from "../charts.js";
import { go, hashOf } from "../place.js";
import { metricName, number, panel, when } from "../ui.js";
import { fates, figure, scatter, weightBar } from "./pictures.js";

const PAIRS_SHOWN = 8;

/** Opens a metric; `asked` is the query it is read with. */
export async function openMetric(root, { metric, asked }) {
  const one = await get(`agreement/${encodeURIComponent(metric)}`, asked);
  const step = (by) => {
    const names = one.metrics;
    const at = (names.indexOf(metric) + by + names.length) % names.length;
    go("agreement", { ...asked, metric: names[at] });
  };
  const back = () => go("agreement", asked);
  fill(
    root,
    heading(one, { back, step }),
    h(
      "div",
      { class: "metric-grid" },
      h(
        "div",
        { class: "metric-column" },
        panel(t("agreement.figures_title"), figures(one), soft("agreement.figures_hint")),
        panel(t("agreement.history_title"), history(one), soft("agreement.history_hint")),
        driftPanel(one),
      ),
      h(
        "div",
        { class: "metric-column" },
        scatterPanel(one),
        effect(one),
        panel(t("agreement.weights_title"), weights(one)),
      ),
    ),
  );
  return {
    keys: [
      { keys: ["ArrowLeft"], text: "agreement.key_step", run: () => step(-1) },
      { keys: ["ArrowRight"], text: "agreement.key_step", run: () => step(1) },
      { keys: ["Escape"], text: "agreement.key_back", run: back },
    ],
  };
}

function soft(key) {
  return h("p", { class: "soft" }, t(key));
}

function heading(one, { back, step }) {
  return h(
    "div",
    { class: "row spread intro" },
    h(
      "div",
      { class: "row" },
      button({ text: t("agreement.back"), symbol: "prev", kind: "quiet", key: "back", press: back }),
      h("h2", { class: "metric-title" }, metricName(one.metric)),
      weightBar(one.weight),
      one.reviews_missing > 0
        ? h("span", { class: "soft" }, t("agreement.need_more", { n: one.reviews_missing }))
        : null,
    ),
    h(
      "div",
      { class: "row" },
      button({ label: t("agreement.before_metric"), symbol: "prev", key: "before", press: () => step(-1) }),
      button({ label: t("agreement.next_metric"), symbol: "next", key: "next", press: () => step(1) }),
    ),
  );
}

function figures(one) {
  const parts = [
    ["agreement.with_evaluator", one.evaluator_people],
    ["agreement.with_people", one.people_people],
    ["agreement.blind", one.blind],
  ];
  const rows = [
    ["agreement.kappa", "kappa", 2],
    ["agreement.spearman", "spearman", 2],
    ["agreement.alpha", "alpha", 2],
    ["agreement.offset", "offset", 1],
    ["agreement.gap", "gap", 1],
  ];
  const cell = (part, key, digits) => {
    const found = part[key];
    if (!found) return h("td", { class: "soft" }, key === "kappa" ? figure(part) : "–");
    const span = { low: number(found.low, digits), high: number(found.high, digits) };
    return h(
      "td",
      {},
      h("strong", {}, number(found.value, digits)),
      h("span", { class: "span" }, t("agreement.span", span)),
    );
  };
  return h(
    "div",
    { class: "figures-frame" },
    h(
      "table",
      { class: "table figures" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, t("agreement.kind")), parts.map(([name]) => h("th", { scope: "col" }, t(name))))),
      h(
        "tbody",
        {},
        rows.map(([name, key, digits]) =>
          h("tr", {}, h("th", { scope: "row" }, t(name)), parts.map(([, part]) => cell(part, key, digits))),
        ),
        h("tr", {}, h("th", { scope: "row" }, t("agreement.replies")), parts.map(([, part]) => h("td", {}, String(part.replies)))),
      ),
    ),
  );
}

function scatterPanel(one) {
  const both = one.ratings.filter((each) => each.evaluator !== null);
  if (!both.length) {
    return panel(t("agreement.scatter_title"), soft("agreement.scatter_none"));
  }
  return panel(
    t("agreement.scatter_title"),
    scatter(both, (reply) => go("replies", { reply })),
    h(
      "p",
      { class: "chart-legend" },
      h("span", {}, h("i", { class: "swatch colour-0" }), t("agreement.sees")),
      h("span", {}, h("i", { class: "swatch colour-2" }), t("agreement.blind")),
    ),
    soft("agreement.scatter_hint"),
  );
}

function history(one) {
  const windows = [...one.history, ...one.people_history].filter((each) => each.kappa);
  if (!windows.length) return soft("agreement.history_none");
  const moments = [...new Set(windows.map((each) => each.until))].sort();
  const line = (name, some) => ({
    name: t(name),
    points: some
      .filter((each) => each.kappa)
      .map((each) => ({
        x: moments.indexOf(each.until),
        y: each.kappa.value,
        low: each.kappa.low,
        high: each.kappa.high,
        title: t("agreement.history_point", {
          when: when(each.until),
          value: number(each.kappa.value),
          low: number(each.kappa.low),
          high: number(each.kappa.high),
        }),
      })),
  });
  return lineChart({
    series: [
      line("agreement.with_evaluator", one.history),
      line("agreement.with_people", one.people_history),
    ],
    xLabels: moments.map(day),
    range: [-1, 1],
    label: t("agreement.history_label"),
  });
}

/** Month and day of a moment. */
function day(iso) {
  const at = new Date(iso);
  return `${at.getMonth() + 1}/${at.getDate()}`;
}

function driftPanel(one) {
  const line = (name, drift) =>
    h(
      "p",
      { class: drift.verdict === "fallen" ? "drift drift-fallen" : "drift" },
      h("strong", {}, t(name)),
      " ",
      t(`agreement.drift_${drift.verdict}`, {
        before: number(drift.before?.value),
        newest: number(drift.newest?.value),
        p: number(drift.p_value, 4),
      }),
    );
  return panel(
    t("agreement.drift_title"),
    line("agreement.with_evaluator", one.drift),
    line("agreement.with_people", one.people_drift),
    soft("agreement.alarm_hint"),
  );
}

function weights(one) {
  const { nights } = one;
  if (!nights.length) return soft("agreement.weights_none");
  const points = nights.map((night, x) => ({
    x,
    y: night.weight,
    title: `${night.date}: ${number(night.weight)}`,
  }));
  points.push({ x: nights.length, y: one.weight, title: `${t("agreement.now")}: ${number(one.weight)}` });
  return lineChart({
    series: [{ name: t("agreement.weight"), points }],
    xLabels: [...nights.map((night) => day(`${night.date}T00:00`)), t("agreement.now")],
    range: [0, 1],
    label: t("agreement.weights_label"),
    height: 160,
  });
}

function effect(one) {
  const { share } = one;
  const percent = (value) => number(100 * value, 1);
  const { night, pairs, without, changed } = one.pairing;
  return panel(
    t("agreement.pairing_title"),
    share
      ? h(
          "p",
          {},
          t("agreement.share", {
            weight: percent(share.weight),
            counted: percent(share.counted),
            share: percent(share.share),
          }),
        )
      : h("p", {}, t("agreement.left_out")),
    night && pairs
      ? [
          h("p", {}, t("agreement.change", { weight: number(one.weight), night, n: pairs })),
          fates(one.pairing),
          h("p", { class: "soft" }, t("agreement.without", { under: without.under_margin, reversed: without.reversed })),
          changed.length ? changedPairs(changed) : null,
        ]
      : soft("agreement.pairing_none"),
  );
}

function changedPairs(changed) {
  const rest = changed.length - PAIRS_SHOWN;
  return h(
    "div",
    {},
    h("h3", { class: "small-title" }, t("agreement.changed_pairs")),
    h(
      "ul",
      { class: "changed" },
      changed.slice(0, PAIRS_SHOWN).map((one) =>
        h(
          "li",
          {},
          h(
            "a",
            { href: hashOf("pairs", { pair: one.pair }) },
            t("agreement.pair_line", { before: number(one.before), after: number(one.after) }),
          ),
          h("span", { class: "soft" }, t(`agreement.${one.fate}`)),
        ),
      ),
      rest > 0 ? h("li", { class: "soft" }, t("agreement.more_pairs", { n: rest })) : null,
    ),
  );
}
