// The gates of a night: all bounds on one line, what is on its right has passed.

import { h } from "../../shared/dom.js";
import { language, t } from "../../shared/texts.js";
import { svg } from "../charts.js";
import { chip, dataTable } from "../ui.js";

const GROUPS = ["score", "impression", "language", "persona", "safety", "drift"];
const WIDTH = 180;
const LEFT = 1.5;
const RIGHT = 2.5;

/** A figure with at most three digits that matter. */
export function figure(value) {
  if (value === null || value === undefined) return "–";
  return new Intl.NumberFormat(language(), { maximumSignificantDigits: 3 }).format(value);
}

/** The picture: those that failed first, then by group. */
export function gatePicture(gates) {
  const failed = gates.filter((gate) => !gate.passed);
  const groups = GROUPS.map((group) => [
    t(`nights.group_${group}`),
    gates.filter((gate) => gate.passed && gate.group === group),
  ]).filter(([, some]) => some.length);
  return h(
    "div",
    { class: "gates" },
    h(
      "p",
      { class: "soft gates-legend" },
      h("span", {}, h("i", { class: "legend-band" }), t("nights.legend_interval")),
      h("span", {}, h("i", { class: "legend-dot" }), t("nights.legend_value")),
      h("span", {}, h("i", { class: "legend-bound" }), t("nights.legend_bound")),
      h("span", {}, h("i", { class: "legend-same" }), t("nights.legend_same")),
    ),
    failed.length ? groupOf(t("nights.failed_gates"), failed, true) : null,
    groups.map(([title, some]) => groupOf(title, some, failed.length === 0 && groups.length < 3)),
  );
}

function groupOf(title, gates, open) {
  return h(
    "details",
    { class: "gate-group", open: open || gates.length <= 14 },
    h("summary", {}, title, h("span", { class: "tab-count" }, String(gates.length))),
    h("div", { class: "gate-rows" }, gates.map(rowOf)),
  );
}

function rowOf(gate) {
  const reason = typeof gate.detail.reason === "string" ? gate.detail.reason : null;
  return h(
    "div",
    { class: `gate ${gate.passed ? "gate-passed" : "gate-failed"}` },
    h("span", { class: "gate-name" }, gate.name, reason ? h("small", { class: "soft" }, reason) : null),
    gate.value === null ? h("span", { class: "soft" }, t("nights.unmeasured")) : lineOf(gate),
    h(
      "span",
      { class: "gate-figure" },
      figure(gate.value),
      h("small", { class: "soft" }, intervalOf(gate)),
    ),
    h("span", { class: "gate-bound soft" }, boundOf(gate)),
  );
}

function intervalOf(gate) {
  return gate.low === null ? "–" : `[${figure(gate.low)}, ${figure(gate.high)}]`;
}

function boundOf(gate) {
  if (gate.bound === null || gate.side === null) return "–";
  return t(`nights.bound_${gate.side}`, { bound: figure(gate.bound) });
}

/** Distance to the bound in units of how far the bound lies from "nothing changed". */
function lineOf(gate) {
  const sign = gate.side === "above" ? 1 : -1;
  const widest = Math.abs((gate.high ?? gate.value) - (gate.low ?? gate.value));
  const unit = Math.abs((gate.neutral ?? 0) - gate.bound) || widest || Math.abs(gate.value) || 1;
  const x = (value) => {
    const far = Math.max(-LEFT, Math.min(RIGHT, (sign * (value - gate.bound)) / unit));
    return 6 + ((far + LEFT) / (LEFT + RIGHT)) * (WIDTH - 12);
  };
  const ends = [x(gate.low ?? gate.value), x(gate.high ?? gate.value)].sort((one, other) => one - other);
  const label = `${figure(gate.value)} ${intervalOf(gate)} ${boundOf(gate)}`;
  const same = Math.abs((gate.neutral ?? gate.bound) - gate.bound) > 0;
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} 22`, class: "gate-line", role: "img", "aria-label": label },
    svg("rect", { x: x(gate.bound), y: 2, width: WIDTH - 6 - x(gate.bound), height: 18, class: "gate-side" }),
    svg("line", { x1: 6, x2: WIDTH - 6, y1: 11, y2: 11, class: "chart-grid" }),
    same
      ? svg("line", { x1: x(gate.neutral), x2: x(gate.neutral), y1: 4, y2: 18, class: "gate-same" })
      : null,
    svg("line", { x1: x(gate.bound), x2: x(gate.bound), y1: 0, y2: 22, class: "gate-edge" }),
    svg("line", { x1: ends[0], x2: ends[1], y1: 11, y2: 11, class: "gate-interval" }),
    svg("circle", { cx: x(gate.value), cy: 11, r: 4, class: "gate-value" }),
  );
}

/** All gates with their numbers. */
export function gateTable(gates) {
  const sorted = gates.toSorted(
    (one, other) =>
      Number(one.passed) - Number(other.passed) ||
      GROUPS.indexOf(one.group) - GROUPS.indexOf(other.group),
  );
  return dataTable({
    caption: t("nights.gates"),
    rows: sorted,
    columns: [
      {
        title: t("nights.verdict"),
        cell: (gate) =>
          chip(t(gate.passed ? "nights.passed" : "nights.failed"), gate.passed ? "good" : "bad"),
      },
      { title: t("nights.gate"), cell: (gate) => gate.name },
      { title: t("nights.group"), cell: (gate) => t(`nights.group_${gate.group}`) },
      { title: t("nights.value"), align: "number", cell: (gate) => figure(gate.value) },
      {
        title: t("nights.interval"),
        align: "number",
        cell: intervalOf,
      },
      { title: t("nights.bound"), align: "number", cell: boundOf },
      {
        title: t("nights.reason"),
        cell: (gate) => (typeof gate.detail.reason === "string" ? gate.detail.reason : ""),
      },
    ],
  });
}
