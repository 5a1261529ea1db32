// Charts as SVG, coloured by the page's variables; lines differ by dash too. Each has a text
// alternative; lines tell their values to pointer and keyboard.

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
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step) found.push(Number(at.toPrecision(12)) || 0);
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
 * 0; `xLabels[x]` names a place. `range` [low, high] fixes the y axis, `yTitle` and `xTitle` say
 * what the axes are, `show(y)` writes a value. y null breaks the line. Pointing at the chart, or the
 * arrow keys once it has the focus, tell the values at a place.
 */
export function lineChart({
  series,
  xLabels = null,
  range = null,
  label,
  height = 220,
  width = 640,
  yTitle = "",
  xTitle = "",
  show = short,
}) {
  const box = { left: 50, right: 16, top: yTitle ? 26 : 14, bottom: xTitle ? 44 : 30 };
  const all = series.flatMap((one) => one.points).filter((point) => point.y !== null);
  if (!all.length) return h("p", { class: "chart-none" }, label);
  const [low, high] = rangeOf(
    all.flatMap((point) => [point.y, point.low ?? point.y, point.high ?? point.y]),
    range,
  );
  const last = Math.max(...all.map((point) => point.x), (xLabels?.length ?? 0) - 1, 1);
  const x = (value) => box.left + (value / last) * (width - box.left - box.right);
  const y = (value) =>
    height - box.bottom - ((value - low) / (high - low || 1)) * (height - box.top - box.bottom);
  const parts = [
    ...yAxis(ticks(low, high), y, box, width, show),
    ...xAxis(xLabels, last, x, height - box.bottom),
    yTitle ? words(4, 13, yTitle, "start", "title") : null,
    xTitle ? words((box.left + width - box.right) / 2, height - 6, xTitle, "middle", "title") : null,
  ];
  series.forEach((one, order) => parts.push(lineOf(one, order % COLOURS, x, y)));
  const cursor = svg("line", { y1: box.top, y2: height - box.bottom, class: "chart-cursor" });
  const picture = frameOf(width, height, label, [...parts, cursor]);
  const places = [...new Set(all.map((point) => point.x))].sort((one, other) => one - other);
  const tell = (place) => tellingOf(series, place, xLabels, show);
  return h(
    "figure",
    { class: "chart-frame" },
    pointed({ picture, cursor, places, x, width, label, tell }),
    series.length > 1 ? legend(series.map((one) => one.name)) : null,
  );
}

function yAxis(values, y, box, width, show) {
  return values.map((value) =>
    svg(
      "g",
      {},
      svg("line", { x1: box.left, x2: width - box.right, y1: y(value), y2: y(value), class: "chart-grid" }),
      words(box.left - 8, y(value) + 4, show(value), "end"),
    ),
  );
}

function xAxis(xLabels, last, x, bottom) {
  const places = xLabels ? xLabels.map((_, at) => at) : ticks(0, last, 6);
  const every = Math.ceil(places.length / 8);
  return places
    .filter((_, order) => order % every === 0)
    .map((at) =>
      svg(
        "g",
        {},
        svg("line", { x1: x(at), x2: x(at), y1: bottom, y2: bottom + 4, class: "chart-grid" }),
        words(x(at), bottom + 18, xLabels ? xLabels[at] : short(at)),
      ),
    );
}

/** What all lines say at a place: [where, [name, value]…]. */
function tellingOf(series, place, xLabels, show) {
  const lines = series.flatMap((one, order) => {
    const point = one.points.find((some) => some.x === place);
    if (!point || point.y === null) return [];
    const band =
      point.low === undefined || point.low === null ? "" : ` [${show(point.low)}, ${show(point.high)}]`;
    return [{ colour: order % COLOURS, name: one.name, text: point.title ?? `${show(point.y)}${band}` }];
  });
  return { where: xLabels ? xLabels[place] : short(place), lines };
}

/** The picture with a line that follows the pointer or the arrow keys, and a card of what is there. */
function pointed({ picture, cursor, places, x, width, label, tell }) {
  const tip = h("div", { class: "chart-tip", role: "status", hidden: true });
  const plot = h("div", { class: "chart-plot", tabindex: "0", role: "group", "aria-label": label }, picture, tip);
  let at = -1;
  const put = (order) => {
    at = Math.max(0, Math.min(places.length - 1, order));
    const { where, lines } = tell(places[at]);
    cursor.setAttribute("x1", x(places[at]));
    cursor.setAttribute("x2", x(places[at]));
    cursor.classList.add("chart-cursor-on");
    tip.replaceChildren(
      h("strong", {}, where),
      ...lines.map((one) =>
        h("span", {}, h("i", { class: `swatch colour-${one.colour}` }), `${one.name}  ${one.text}`),
      ),
    );
    tip.hidden = false;
    const share = x(places[at]) / width;
    tip.classList.toggle("chart-tip-left", share > 0.55);
    tip.style.setProperty("--at", `${share * 100}%`);
  };
  const leave = () => {
    tip.hidden = true;
    cursor.classList.remove("chart-cursor-on");
  };
  plot.addEventListener("pointermove", (event) => {
    const frame = picture.getBoundingClientRect();
    const wanted = ((event.clientX - frame.left) / frame.width) * width;
    const far = places.map((place) => Math.abs(x(place) - wanted));
    put(far.indexOf(Math.min(...far)));
  });
  plot.addEventListener("pointerleave", leave);
  plot.addEventListener("blur", leave);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    put(at < 0 && step < 0 ? places.length - 1 : at + step);
  });
  return plot;
}

function lineOf(one, colour, x, y) {
  const runs = runsOf(one.points);
  const points = one.points.filter((point) => point.y !== null);
  return svg(
    "g",
    { class: `chart-line colour-${colour} mark-${colour}` },
    runs.map((run) => svg("path", { d: bandOf(run, x, y), class: "chart-band" })),
    runs.map((run) => svg("path", { d: pathOf(run, x, (point) => y(point.y)), class: "chart-path" })),
    points.length > 60
      ? null
      : points.map((point) => svg("circle", { cx: x(point.x), cy: y(point.y), r: 3.2, class: "chart-dot" })),
  );
}

/** Points between two gaps. */
function runsOf(points) {
  const runs = [[]];
  for (const point of points) {
    if (point.y === null) runs.push([]);
    else runs.at(-1).push(point);
  }
  return runs.filter((run) => run.length);
}

function pathOf(points, x, y) {
  return points.map((point, at) => `${at ? "L" : "M"}${x(point.x)} ${y(point)}`).join("");
}

function bandOf(run, x, y) {
  const banded = run.filter((point) => point.low !== undefined && point.low !== null);
  if (banded.length === 1) {
    const [{ x: place, low, high }] = banded;
    return `M${x(place) - 2} ${y(low)}h4V${y(high)}h-4Z`;
  }
  const back = banded.toReversed().map((point) => `L${x(point.x)} ${y(point.low)}`);
  return banded.length ? `${pathOf(banded, x, (point) => y(point.high))}${back.join("")}Z` : "";
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
