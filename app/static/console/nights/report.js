// The morning report of one night, section by section.

import { h } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { barChart, lineChart } from "../charts.js";
import { hashOf } from "../place.js";
import { chip, count, dataTable, metricName, number, panel, tabs, when } from "../ui.js";
import { statusMark } from "./calendar.js";
import { gatePicture, gateTable } from "./gates.js";

/** Length of time in the largest units that matter. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 47) return t("nights.days", { days: Math.floor(hours / 24), hours: hours % 24 });
  if (hours) return t("nights.hours", { hours, minutes });
  if (minutes) return t("nights.minutes", { minutes, seconds: whole % 60 });
  return t("nights.seconds", { seconds: seconds < 10 ? number(seconds, 1) : whole });
}

/** The name of something a night counts. */
function called(night, key, bare = key) {
  return night.names[key] ?? bare.replaceAll("_", " ");
}

/** The whole report. */
export function report(night) {
  return h(
    "div",
    { class: "report" },
    head(night),
    flow(night),
    night.gates.length ? gates(night) : null,
    night.examples.length ? examples(night) : null,
    night.curve.length ? curves(night) : null,
    counted(night),
    h("div", { class: "columns" }, trust(night), steps(night)),
    evaluators(night),
  );
}

function head(night) {
  const facts = [
    [t("nights.candidate"), night.candidate],
    [t("nights.active_before"), night.active_before],
    [t("nights.began"), when(night.started_at)],
    [t("nights.took"), duration(night.seconds)],
  ].filter(([, value]) => value && value !== "–");
  return h(
    "section",
    { class: `panel night-head head-of-${night.status}` },
    h(
      "div",
      { class: "row spread" },
      h("h2", { class: "night-date" }, t("nights.night_of", { date: dayOf(night.date) })),
      statusMark(night.status),
    ),
    h("p", { class: "night-lead" }, t(`nights.lead_${night.status}`)),
    h("ul", { class: "night-why" }, night.why.map((line) => h("li", {}, line))),
    h(
      "dl",
      { class: "night-facts" },
      facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
    ),
    h(
      "p",
      { class: "row" },
      night.adapter
        ? h("a", { href: hashOf("versions", { version: night.adapter }) }, t("nights.to_version"))
        : null,
      night.decision
        ? h("details", { class: "night-record" }, h("summary", {}, t("nights.record")), h("p", { class: "said" }, night.decision))
        : null,
    ),
  );
}

function flow(night) {
  const total = (counts) => Object.values(counts).reduce((sum, one) => sum + one, 0);
  const stations = [
    ["turns", night.turns, t("nights.flow_people", { n: count(night.visitors) })],
    ["scored", night.scored, scoredNote(night)],
    ["pairs", night.pairs, t("nights.flow_dropped", { n: count(total(night.counts.drops)) })],
    ["trained", night.trained_pairs, night.replay_pairs === null ? "" : t("nights.flow_replay", { n: count(night.replay_pairs) })],
  ];
  return panel(
    t("nights.flow"),
    h(
      "ol",
      { class: "flow" },
      stations.map(([key, value, note]) =>
        h(
          "li",
          { class: value ? null : "flow-none" },
          h("span", { class: "flow-name" }, t(`nights.flow_${key}`)),
          h("strong", { class: "flow-count" }, count(value)),
          h("small", { class: "soft" }, note),
        ),
      ),
    ),
    h("p", { class: "soft" }, night.turns_told),
  );
}

function scoredNote(night) {
  if (night.unscored) return t("nights.flow_unscored", { n: count(night.unscored) });
  return night.scored ? t("nights.flow_all_scored") : "";
}

function gates(night) {
  const passed = night.gates.filter((gate) => gate.passed).length;
  const place = h("div", {});
  const draw = (view) => {
    place.replaceChildren(
      h(
        "div",
        { class: "row spread intro" },
        h(
          "p",
          {},
          chip(t("nights.gates_passed", { n: passed, all: night.gates.length }), passed === night.gates.length ? "good" : "bad"),
        ),
        tabs({
          label: t("nights.gates"),
          value: view,
          options: [
            { value: "picture", text: t("nights.as_picture") },
            { value: "table", text: t("nights.as_table") },
          ],
          change: draw,
        }),
      ),
      view === "picture" ? gatePicture(night.gates) : gateTable(night.gates),
    );
  };
  draw("picture");
  return panel(t("nights.gates"), h("p", { class: "soft intro" }, t("nights.gates_note")), place);
}

function examples(night) {
  return panel(
    t("nights.examples"),
    h("p", { class: "soft intro" }, t("nights.examples_note")),
    h(
      "ol",
      { class: "examples" },
      night.examples.map((one) =>
        h(
          "li",
          {},
          h("p", { class: "example-asked" }, chip(called(night, `kind_${one.kind}`, one.kind)), h("span", { class: "said" }, one.question)),
          h(
            "div",
            { class: "two" },
            h("figure", { class: "spoken" }, h("figcaption", {}, t("nights.before")), h("p", { class: "said" }, one.before)),
            h("figure", { class: "spoken spoken-new" }, h("figcaption", {}, t("nights.after")), h("p", { class: "said" }, one.after)),
          ),
        ),
      ),
    ),
  );
}

function curves(night) {
  const of = (key) => night.curve.map((point) => ({ x: point.step, y: point[key] }));
  const charts = ["loss", "margin", "accuracy", "kl"]
    .filter((key) => night.curve.some((point) => point[key] !== null))
    .map((key) =>
      h(
        "div",
        {},
        h("h3", { class: "small-title" }, t(`nights.curve_${key}`)),
        h("p", { class: "soft" }, t(`nights.curve_${key}_note`)),
        lineChart({
          label: t(`nights.curve_${key}`),
          series: [{ name: t(`nights.curve_${key}`), points: of(key) }],
          range: key === "accuracy" ? [0, 1] : null,
          xTitle: t("nights.curve_step"),
          width: 320,
          height: 190,
        }),
      ),
    );
  return panel(t("nights.curves"), h("div", { class: "curves" }, charts));
}

function counted(night) {
  const groups = [
    [t("nights.sources"), night.counts.pairs_by_source, "source_"],
    [t("nights.drops"), night.counts.drops, ""],
    [t("nights.left_out"), night.left_out, ""],
    [t("nights.decisions"), night.counts.pairs_by_status, "pair_"],
    [t("nights.conflicts"), night.counts.conflicts, "signal_"],
  ].filter(([, counts]) => Object.keys(counts).length);
  if (!groups.length) return null;
  return panel(
    t("nights.pairs"),
    h(
      "div",
      { class: "columns" },
      groups.map(([title, counts, prefix]) =>
        h(
          "div",
          {},
          h("h3", { class: "small-title" }, title),
          barChart({
            label: title,
            rows: Object.entries(counts).map(([key, value]) => ({
              name: called(night, prefix + key, key),
              value,
              note: count(value),
            })),
          }),
        ),
      ),
    ),
  );
}

function trust(night) {
  if (!night.trust.length) return null;
  return panel(
    t("nights.trust"),
    h("p", { class: "soft intro" }, t("nights.trust_note")),
    dataTable({
      caption: t("nights.trust"),
      rows: night.trust,
      columns: [
        { title: t("nights.metric"), cell: (one) => metricName(one.metric) },
        { title: t("nights.weight"), align: "number", cell: (one) => number(one.weight) },
        {
          title: t("nights.kappa"),
          align: "number",
          cell: (one) =>
            one.kappa === null
              ? t("nights.too_few")
              : `${number(one.kappa)} [${number(one.low)}, ${number(one.high)}]`,
        },
        { title: t("nights.reviews"), align: "number", cell: (one) => count(one.reviews) },
      ],
    }),
  );
}

function steps(night) {
  if (!night.steps.length) return null;
  return panel(
    t("nights.steps"),
    barChart({
      label: t("nights.steps"),
      rows: night.steps.map((one) => ({
        name: called(night, `step_${one.step}`, one.step),
        value: one.seconds,
        note: one.seconds === null ? t("nights.unfinished") : duration(one.seconds),
      })),
    }),
  );
}

function evaluators(night) {
  const rows = night.counts.evaluators;
  if (!rows.length) return null;
  const failures = (one) => Object.values(one.failures).reduce((sum, some) => sum + some, 0);
  return panel(
    t("nights.evaluators"),
    dataTable({
      caption: t("nights.evaluators"),
      rows,
      columns: [
        { title: t("nights.evaluator"), cell: (one) => h("code", {}, one.evaluator) },
        { title: t("nights.eval_replies"), align: "number", cell: (one) => count(one.replies) },
        { title: t("nights.eval_candidates"), align: "number", cell: (one) => count(one.candidates) },
        { title: t("nights.eval_failed"), align: "number", cell: (one) => count(failures(one)) },
        { title: t("nights.eval_spread"), align: "number", cell: (one) => number(one.spread) },
        {
          title: t("nights.eval_reward"),
          align: "number",
          cell: (one) => `${number(one.shown.total)} / ${number(one.made.total)}`,
        },
      ],
    }),
    night.health
      .filter((one) => one.correlation)
      .map((one) =>
        h(
          "p",
          { class: "soft" },
          t("nights.health", {
            who: t(`nights.health_${one.adapter}`),
            value: number(one.correlation.value),
            low: number(one.correlation.low),
            high: number(one.correlation.high),
            n: count(one.correlation.n),
          }),
        ),
      ),
  );
}
