// Charts as SVG, coloured by the page's variables. Each has a text alternative and, where points
// have names, titles on hover.

import { h } from "../shared/dom.js";
import { language } from "../shared/texts.js";

const SPACE = "http://www.w3.org/2000/svg";
const COLOURS = 5;

/** Returns an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) element.append(child);
  return element;
}

function frameOf(width, height, label, children) {
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label },
    children,
  );
}

function words(x, y, text, anchor = "middle", kind = "tick") {
  const element = svg("text", { x, y, "text-anchor": anchor, class: `chart-${kind}` });
  element.textContent = text;
  return element;
}

function named(element, text) {
  if (text) {
    const title = svg("title");
    title.textContent = text;
    element.append(title);
  }
  return element;
}

function short(value) {
  return new Intl.NumberFormat(language(), { maximumSignificantDigits: 3 }).format(value);
}

/** Returns about `many` round numbers from `low` to `high`. */
export function ticks(low, high, many = 4) {
  const span = high - low || 1;
  const rough = span / many;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => span / one <= many) ?? 10 * power;
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(at || 0);
  return found;
}

function rangeOf(values, wanted) {
  if (wanted) return wanted;
  const low = Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || Math.abs(high) || 1) * 0.08;
  return [low - pad, high + pad];
}

/**
 * Lines over a common axis. `series`: [{name, points: [{x, y, low, high, title}]}], x in order from
 * 0; `xLabels[x]` names a place. `range` [low, high] fixes the y axis. y null breaks the line.
 */
export function lineChart({ series, xLabels = null, range = null, label, height = 220, width = 640 }) {
  const box = { left: 46, right: 14, top: 14, bottom: 30 };
  const all = series.flatMap((one) => one.points).filter((point) => point.y !== null);
  if (!all.length) return h("p", { class: "chart-none" }, label);
  const [low, high] = rangeOf(
    all.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
    range,
  );
  const last = Math.max(...all.map((point) => point.x), 1);
  const x = (value) => box.left + (value / last) * (width - box.left - box.right);
  const y = (value) =>
    height - box.bottom - ((value - low) / (high - low)) * (height - box.top - box.bottom);
  const parts = ticks(low, high).map((value) =>
    svg(
      "g",
      {},
      svg("line", { x1: box.left, x2: width - box.right, y1: y(value), y2: y(value), class: "chart-grid" }),
      words(box.left - 8, y(value) + 4, short(value), "end"),
    ),
  );
  const places = xLabels ? xLabels.map((_, at) => at) : ticks(0, last, 6);
  const every = Math.ceil(places.length / 8);
  for (const at of places.filter((_, order) => order % every === 0)) {
    parts.push(words(x(at), height - 8, xLabels ? xLabels[at] : short(at)));
  }
  series.forEach((one, order) => parts.push(lineOf(one, order % COLOURS, x, y)));
  return h(
    "figure",
    { class: "chart-frame" },
    frameOf(width, height, label, parts),
    series.length > 1 ? legend(series.map((one) => one.name)) : null,
  );
}

function lineOf(one, colour, x, y) {
  const points = one.points.filter((point) => point.y !== null);
  const path = points.map((point, at) => `${at ? "L" : "M"}${x(point.x)} ${y(point.y)}`).join("");
  const banded = points.filter((point) => point.low !== undefined && point.low !== null);
  const band =
    banded.length > 1
      ? banded.map((point, at) => `${at ? "L" : "M"}${x(point.x)} ${y(point.high)}`).join("") +
        banded
          .toReversed()
          .map((point) => `L${x(point.x)} ${y(point.low)}`)
          .join("") +
        "Z"
      : null;
  return svg(
    "g",
    { class: `chart-line colour-${colour}` },
    band ? svg("path", { d: band, class: "chart-band" }) : null,
    svg("path", { d: path, class: "chart-path" }),
    points.length > 60
      ? null
      : points.map((point) =>
          named(svg("circle", { cx: x(point.x), cy: y(point.y), r: 3.2, class: "chart-dot" }), point.title),
        ),
  );
}

function legend(names) {
  return h(
    "figcaption",
    { class: "chart-legend" },
    names.map((name, at) =>
      h("span", {}, h("i", { class: `swatch colour-${at % COLOURS}` }), name),
    ),
  );
}

/** Bars from left to right, one a row: `rows`: [{name, value, low, high, note}]; `highest` fixes the
 * scale. */
export function barChart({ rows, highest = null, label }) {
  const most = highest ?? Math.max(...rows.map((row) => row.high ?? row.value ?? 0), 1e-9);
  return h(
    "div",
    { class: "bars", role: "img", "aria-label": label },
    rows.map((row) =>
      h(
        "div",
        { class: "bar-row" },
        h("span", { class: "bar-name" }, row.name),
        h(
          "span",
          { class: "bar-track" },
          svg(
            "svg",
            { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar-svg" },
            svg("rect", {
              width: Math.max(0, Math.min(100, ((row.value ?? 0) / most) * 100)),
              height: 10,
              rx: 1,
              class: "bar-fill",
            }),
          ),
        ),
        h("span", { class: "bar-value" }, row.note ?? short(row.value ?? 0)),
      ),
    ),
  );
}

/** The interval of one figure on a scale: a line from low to high, a dot at the value. `marks` are
 * values drawn as vertical lines. `range` [low, high] of the scale. */
export function whiskers({ value, low, high, range, marks = [0], kind = 0, label }) {
  const width = 160;
  const x = (one) => {
    const share = (one - range[0]) / (range[1] - range[0]);
    return 4 + Math.max(0, Math.min(1, share)) * (width - 8);
  };
  return svg(
    "svg",
    { viewBox: `0 0 ${width} 20`, class: `whiskers colour-${kind}`, role: "img", "aria-label": label },
    svg("line", { x1: 4, x2: width - 4, y1: 10, y2: 10, class: "chart-grid" }),
    marks.map((one) => svg("line", { x1: x(one), x2: x(one), y1: 2, y2: 18, class: "chart-mark" })),
    value === null || value === undefined
      ? null
      : [
          svg("line", { x1: x(low), x2: x(high), y1: 10, y2: 10, class: "chart-whisker" }),
          named(svg("circle", { cx: x(value), cy: 10, r: 4, class: "chart-dot" }), label),
        ],
  );
}

/** A radar of several axes, 0 in the middle and `highest` outside. `axes`: names; `series`: [{name,
 * values}]. */
export function radarChart({ axes, series, highest = 10, label, size = 380 }) {
  const middle = size / 2;
  const reach = size / 2 - 54;
  const place = (at, value) => {
    const angle = (at / axes.length) * 2 * Math.PI - Math.PI / 2;
    const far = (Math.max(0, Math.min(highest, value)) / highest) * reach;
    return [middle + far * Math.cos(angle), middle + far * Math.sin(angle)];
  };
  const ring = (value) => axes.map((_, at) => place(at, value).join(",")).join(" ");
  const parts = [0.25, 0.5, 0.75, 1].map((share) =>
    svg("polygon", { points: ring(highest * share), class: "chart-ring" }),
  );
  axes.forEach((name, at) => {
    const [x, y] = place(at, highest);
    const [labelX, labelY] = [middle + (x - middle) * 1.16, middle + (y - middle) * 1.12 + 4];
    parts.push(svg("line", { x1: middle, y1: middle, x2: x, y2: y, class: "chart-grid" }));
    const side = Math.abs(labelX - middle) < 8 ? "middle" : labelX < middle ? "end" : "start";
    parts.push(words(labelX, labelY, name, side, "axis"));
  });
  series.forEach((one, order) => {
    const points = one.values.map((value, at) => place(at, value ?? 0).join(",")).join(" ");
    parts.push(
      named(svg("polygon", { points, class: `chart-shape colour-${order % COLOURS}` }), one.name),
    );
  });
  return h(
    "figure",
    { class: "chart-frame chart-radar" },
    frameOf(size, size, label, parts),
    legend(series.map((one) => one.name)),
  );
}
