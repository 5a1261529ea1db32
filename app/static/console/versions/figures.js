// How visitors and evaluators found the versions: one figure over all of them, twelve for two.

import { fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { lineChart, radarChart } from "../charts.js";
import { count, dataTable, field, metricName, number, panel, select } from "../ui.js";

const SIGNALS = ["retry", "up", "down"];

/** A short name of a version: its date, else the last part of its name. */
export function shortName(adapter) {
  const date = /(\d{4})-(\d{2})-(\d{2})/.exec(adapter);
  return date ? `${Number(date[2])}/${Number(date[3])}` : adapter.split("-").at(-1).slice(0, 8);
}

/** The evaluators that scored any version, the one with most replies first. */
function evaluatorsOf(versions) {
  const replies = new Map();
  for (const one of versions) {
    for (const [name, figures] of Object.entries(one.scores)) {
      replies.set(name, (replies.get(name) ?? 0) + figures.mean.n);
    }
  }
  return [...replies.entries()].sort((one, other) => other[1] - one[1]).map(([name]) => name);
}

/** Both charts with their choices. `chosen` {metric, first, second}; `change` is told new ones. */
export function figures({ versions, metrics, newest }, chosen, change) {
  const evaluators = evaluatorsOf(versions);
  const place = h("div", { class: "figures" });
  const state = { evaluator: evaluators[0], ...chosen };
  const draw = () => {
    fill(
      place,
      overVersions(versions, metrics, evaluators, state, set, newest),
      evaluators.length ? twoVersions(versions, metrics, state, set) : null,
    );
  };
  const set = (more) => {
    Object.assign(state, more);
    change(state);
    draw();
  };
  draw();
  return place;
}

function overVersions(versions, metrics, evaluators, state, set, newest) {
  const signal = SIGNALS.includes(state.metric);
  const of = (one) =>
    signal ? one.signals[state.metric] : one.scores[state.evaluator]?.[state.metric];
  const show = (value) => (signal ? `${number(value * 100, 1)}%` : number(value, 2));
  const points = versions.map((one, x) => {
    const figure = of(one);
    if (!figure) return { x, y: null };
    const band = figure.low === null ? "" : ` [${show(figure.low)}, ${show(figure.high)}]`;
    const behind = t("versions.behind", { n: count(figure.n), visitors: count(figure.visitors) });
    return { x, y: figure.value, low: figure.low, high: figure.high, title: `${show(figure.value)}${band} ${behind}` };
  });
  const name = signal ? t(`versions.rate_${state.metric}`) : metricName(state.metric);
  return panel(
    t("versions.over_versions"),
    h(
      "div",
      { class: "row intro" },
      field(
        t("versions.figure"),
        select({
          value: state.metric,
          options: [
            ...["mean", ...metrics].map((key) => ({ value: key, text: metricName(key) })),
            ...SIGNALS.map((key) => ({ value: key, text: t(`versions.rate_${key}`) })),
          ],
          change: (metric) => set({ metric }),
          data: { k: "metric" },
        }),
      ),
      signal || evaluators.length < 2
        ? null
        : field(
            t("versions.evaluator"),
            select({
              value: state.evaluator,
              options: evaluators.map((one) => ({ value: one, text: one })),
              change: (evaluator) => set({ evaluator }),
              data: { k: "evaluator" },
            }),
          ),
    ),
    lineChart({
      label: points.some((point) => point.y !== null)
        ? t("versions.chart_label", { name })
        : t("versions.no_figures"),
      series: [{ name, points }],
      xLabels: versions.map((one) => shortName(one.adapter)),
      yTitle: signal ? name : t("versions.points", { name }),
      show,
      width: 760,
      height: 260,
    }),
    h("p", { class: "soft" }, t("versions.figures_note", { n: count(newest) })),
  );
}

function twoVersions(versions, metrics, state, set) {
  const scored = versions.filter((one) => one.scores[state.evaluator]).toReversed();
  const find = (name, otherwise) => scored.find((one) => one.adapter === name) ?? scored[otherwise];
  const first = find(state.first, 0);
  const second = find(state.second, 1) ?? first;
  const choose = (label, value, key) =>
    field(
      label,
      select({
        value,
        options: scored.map((one) => ({ value: one.adapter, text: one.adapter })),
        change: (adapter) => set({ [key]: adapter }),
        data: { k: key },
      }),
    );
  const values = (one) => metrics.map((metric) => one.scores[state.evaluator][metric].value);
  const names = metrics.map(metricName);
  return panel(
    t("versions.two_versions"),
    h(
      "div",
      { class: "row intro" },
      choose(t("versions.first"), first.adapter, "first"),
      choose(t("versions.second"), second.adapter, "second"),
    ),
    h(
      "div",
      { class: "radar-and-table" },
      radarChart({
        axes: names,
        series: [first, second].map((one) => ({ name: one.adapter, values: values(one) })),
        label: t("versions.radar_label", { first: first.adapter, second: second.adapter }),
      }),
      metricTable(metrics, first.scores[state.evaluator], second.scores[state.evaluator]),
    ),
  );
}

function metricTable(metrics, first, second) {
  const told = (figure) =>
    figure.low === null
      ? number(figure.value)
      : `${number(figure.value)} [${number(figure.low)}, ${number(figure.high)}]`;
  return dataTable({
    caption: t("versions.two_versions"),
    rows: ["mean", ...metrics],
    columns: [
      { title: t("versions.metric"), cell: metricName },
      { title: t("versions.first"), align: "number", cell: (key) => told(first[key]) },
      { title: t("versions.second"), align: "number", cell: (key) => told(second[key]) },
      {
        title: t("versions.difference"),
        align: "number",
        cell: (key) => {
          const gap = first[key].value - second[key].value;
          return `${gap >= 0 ? "+" : "−"}${number(Math.abs(gap))}`;
        },
      },
    ],
  });
}
