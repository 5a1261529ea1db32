// Small pictures of agreement: two intervals on one scale, a line over time, a weight, a scatter.

import { h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { svg, whiskers } from "../charts.js";
import { number } from "../ui.js";

const SCALE = [-1, 1];

/** The figure with its interval in words; why there is none otherwise. `part`: a comparison. */
export function figure(part, key = "kappa", digits = 2) {
  const one = part[key];
  if (one) {
    return t("agreement.figure", {
      value: number(one.value, digits),
      low: number(one.low, digits),
      high: number(one.high, digits),
    });
  }
  return part.missing === "few" ? t("agreement.few", { n: part.replies }) : t("agreement.flat");
}

/** Kappa of evaluator and people above that of people, on one scale from -1 to 1. */
export function intervals(metric) {
  const line = (part, name, kind) => {
    const words = `${t(name)}: ${figure(part)}`;
    const one = part.kappa;
    return h(
      "div",
      { class: "interval" },
      h("span", { class: `interval-name colour-${kind}` }, t(name)),
      whiskers({
        value: one?.value ?? null,
        low: one?.low ?? null,
        high: one?.high ?? null,
        range: SCALE,
        kind,
        label: words,
      }),
      h("span", { class: one ? "interval-value" : "interval-value soft" }, one ? number(one.value) : figure(part)),
    );
  };
  return h(
    "div",
    { class: "interval-pair" },
    line(metric.evaluator_people, "agreement.with_evaluator", 0),
    line(metric.people_people, "agreement.with_people", 1),
  );
}

/** The ends and the middle of the scale that `intervals` draws on. */
export function scale() {
  return h(
    "span",
    { class: "interval scale", "aria-hidden": "true" },
    h("span", {}),
    h("span", { class: "scale-marks" }, ["-1", "0", "1"].map((mark) => h("span", {}, mark))),
  );
}

/** Kappa over time, without axes: the dotted line is 0. */
export function sparkline(metric) {
  const [width, height] = [110, 36];
  const points = metric.history.filter((one) => one.kappa);
  if (points.length < 2) return null;
  const x = (at) => 4 + (at / (points.length - 1)) * (width - 8);
  const y = (value) => height - 4 - ((Math.max(-1, value) + 1) / 2) * (height - 8);
  const path = points.map((one, at) => `${at ? "L" : "M"}${x(at)} ${y(one.kappa.value)}`).join("");
  const last = points.at(-1).kappa;
  return svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      class: `sparkline colour-0 ${metric.drift.verdict === "fallen" ? "sparkline-fallen" : ""}`,
      role: "img",
      "aria-label": `${t("agreement.trend")}: ${number(points[0].kappa.value)} → ${number(last.value)}`,
    },
    svg("line", { x1: 4, x2: width - 4, y1: y(0), y2: y(0), class: "chart-mark" }),
    svg("path", { d: path, class: "chart-path" }),
    svg("circle", { cx: x(points.length - 1), cy: y(last.value), r: 3.4, class: "chart-dot" }),
  );
}

/** A weight from 0 to 1 as a bar with its number. */
export function weightBar(weight) {
  return h(
    "span",
    { class: "weight" },
    svg(
      "svg",
      { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "weight-bar", "aria-hidden": "true" },
      svg("rect", { width: 100, height: 10, class: "weight-room" }),
      svg("rect", { width: 100 * weight, height: 10, class: weight > 0 ? "weight-fill" : "weight-none" }),
    ),
    h("strong", { class: weight > 0 ? "" : "weight-zero" }, number(weight)),
  );
}

/** How many pairs stay, fall under the margin, reverse: three numbers and a bar of their shares. */
export function fates(change) {
  const kinds = ["kept", "under_margin", "reversed"];
  let from = 0;
  const parts = kinds.map((kind) => {
    const width = change.pairs ? (100 * change[kind]) / change.pairs : 0;
    const part = svg("rect", { x: from, width, height: 10, class: `fate-${kind}` });
    from += width;
    return part;
  });
  return h(
    "div",
    { class: "fates" },
    svg(
      "svg",
      { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "fate-bar", "aria-hidden": "true" },
      parts,
    ),
    h(
      "dl",
      { class: "fate-list" },
      kinds.map((kind) =>
        h(
          "div",
          {},
          h("dt", {}, h("i", { class: `fate-mark fate-mark-${kind}` }), t(`agreement.${kind}`)),
          h("dd", {}, String(change[kind])),
        ),
      ),
    ),
  );
}

/** The evaluator's scores across, people's up. `ratings` of the route; `press(reply)` opens one. */
export function scatter(ratings, press) {
  const size = 360;
  const edge = { left: 34, bottom: 40, rest: 28 };
  const x = (value) => edge.left + (value / 10) * (size - edge.left - edge.rest);
  const y = (value) => size - edge.bottom - (value / 10) * (size - edge.bottom - edge.rest);
  const grid = [0, 2, 4, 6, 8, 10].flatMap((at) => [
    svg("line", { x1: x(at), x2: x(at), y1: y(0), y2: y(10), class: "chart-grid" }),
    svg("line", { x1: x(0), x2: x(10), y1: y(at), y2: y(at), class: "chart-grid" }),
    words(x(at), size - edge.bottom + 16, String(at), "middle"),
    words(edge.left - 8, y(at) + 4, String(at), "end"),
  ]);
  const dots = ratings.map((one, at) => dot(one, at, { x, y, press }));
  return svg(
    "svg",
    {
      viewBox: `0 0 ${size} ${size}`,
      class: "chart scatter",
      role: "group",
      "aria-label": t("agreement.scatter_label", { n: ratings.length }),
    },
    grid,
    svg("line", { x1: x(0), y1: y(0), x2: x(10), y2: y(10), class: "chart-mark" }),
    words((x(0) + x(10)) / 2, size - 6, t("agreement.scatter_x"), "middle"),
    words(4, 12, t("agreement.scatter_y"), "start"),
    dots,
  );
}

function dot(one, at, { x, y, press }) {
  // A fixed spread by number, so that a redrawn picture is the same one.
  const shift = (step) => (((at * step) % 1) - 0.5) * 0.5;
  const within = (value) => Math.max(0, Math.min(10, value));
  const element = svg("circle", {
    cx: x(within(one.evaluator + shift(0.618034) * 0.4)),
    cy: y(within(one.value + shift(0.754878))),
    r: 4.2,
    class: `scatter-dot ${one.blind ? "colour-2" : "colour-0"}`,
  });
  const title = svg("title");
  title.textContent = t("agreement.scatter_point", {
    own: number(one.evaluator, 1),
    who: one.operator,
    value: number(one.value, 0),
  });
  element.append(title);
  element.addEventListener("click", () => press(one.reply));
  return element;
}

function words(x, y, text, anchor) {
  const element = svg("text", { x, y, "text-anchor": anchor, class: "chart-tick" });
  element.textContent = text;
  return element;
}
