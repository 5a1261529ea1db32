// The table of a sheet, in the layout of the founding paper, with its intervals drawn.

import { button, h, icon } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { address, get } from "../api.js";
import { whiskers } from "../charts.js";
import { go } from "../place.js";
import { chip, emptyState, metricName, number, panel } from "../ui.js";

const FORMATS = ["md", "csv", "json"];

/** Returns the elements of a sheet's results. */
export async function drawResults(sheetId, me) {
  const { sheet, table } = await get(`sheets/${sheetId}/results`);
  const head = h(
    "div",
    { class: "row spread sheet-head" },
    button({ text: t("sheets.back"), symbol: "prev", kind: "quiet", press: () => go("sheets") }),
    h("strong", {}, sheet.name),
    me.operator.role === "admin" && table.rows.length ? exports(sheetId) : null,
  );
  const open =
    sheet.status === "closed" ? null : h("p", { class: "field-fault" }, t("sheets.still_open"));
  if (!table.rows.length) return [head, emptyState(t("sheets.no_ratings"), t("sheets.no_ratings_text"))];
  return [head, open, summary(sheet, table), ...PARTS.map((part) => figures(table, part))];
}

const PARTS = [
  { key: "rank", range: (table) => [1, table.versions.length], mark: (table) => (1 + table.versions.length) / 2 },
  { key: "win", range: () => [0, 1], mark: () => 0.5 },
  { key: "naturalness", range: () => [1, 5], mark: () => 3 },
];

function exports(sheetId) {
  return h(
    "span",
    { class: "row" },
    FORMATS.map((format) =>
      h(
        "a",
        {
          class: "btn btn-quiet",
          href: address(`sheets/${sheetId}/export`, { format }).href,
          download: "",
        },
        icon("save"),
        h("span", {}, t(`sheets.export_${format}`)),
      ),
    ),
  );
}

function summary(sheet, table) {
  const mean = table.rows.at(-1);
  const { krippendorff_ordinal: alpha, items } = table.agreement;
  return panel(
    t("sheets.summary"),
    h(
      "p",
      {},
      t("sheets.counts", { ratings: mean.ratings, prompts: mean.prompts, raters: mean.raters }),
    ),
    h(
      "p",
      {},
      alpha === null
        ? t("sheets.no_agreement")
        : t("sheets.agreement", { alpha: number(alpha), items }),
    ),
    h("p", { class: "soft" }, t("sheets.interval_note", { share: Math.round(table.confidence * 100) })),
  );
}

/** One figure of every version, metric by metric. */
function figures(table, part) {
  const shown = table.versions.filter((one) => part.key !== "win" || one !== table.baseline);
  const range = part.range(table);
  return panel(
    t(`sheets.${part.key}`),
    h("p", { class: "soft" }, t(`sheets.${part.key}_note`, { baseline: table.baseline })),
    h(
      "div",
      { class: "table-frame" },
      h(
        "table",
        { class: "table figures" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, t("sheets.metric")),
            shown.map((one) =>
              h(
                "th",
                { scope: "col" },
                one,
                one === table.baseline ? chip(t("sheets.version_baseline")) : null,
              ),
            ),
          ),
        ),
        h("tbody", {}, table.rows.map((row) => line(row, part, shown, range, part.mark(table)))),
      ),
    ),
  );
}

function line(row, part, shown, range, mark) {
  const cells = shown.map((version) => {
    const order = row.versions.findIndex((one) => one.version === version);
    const figure = row.versions[order][part.key];
    const text =
      figure.low === null
        ? number(figure.value)
        : `${number(figure.value)} [${number(figure.low)}, ${number(figure.high)}]`;
    return h(
      "td",
      {},
      h("span", { class: "figure-text" }, text),
      whiskers({
        value: figure.value,
        low: figure.low ?? figure.value,
        high: figure.high ?? figure.value,
        range,
        marks: [mark],
        kind: order,
        label: `${version} ${text}`,
      }),
    );
  });
  return h(
    "tr",
    { class: row.metric === "mean" ? "row-mean" : null },
    h("th", { scope: "row" }, metricName(row.metric)),
    cells,
  );
}
