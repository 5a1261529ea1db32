// The list of replies.

import { h, icon } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { chip, dataTable, metricName, number, when } from "../ui.js";
import { METRICS } from "./fields.js";

/** Returns the table; `press(row)` opens one, `current` is the id of the marked one. */
export function replyTable({ rows, current, press }) {
  return dataTable({
    caption: t("replies.title"),
    rows,
    current,
    press,
    rowKey: (row) => row.id,
    columns: [
      { title: t("replies.said"), cell: said },
      { title: t("replies.scores"), cell: scores, width: "190" },
      { title: t("replies.signs"), cell: signs, width: "170" },
      { title: t("replies.when"), cell: moment, width: "150" },
    ],
  });
}

function said(row) {
  return h(
    "div",
    { class: "replies-said" },
    h("p", { class: "said soft replies-user" }, row.user_text),
    h("p", { class: "said replies-her" }, row.text),
  );
}

/** Returns twelve cells, one a metric, pale for low and deep for high. */
export function strip(values) {
  const words = METRICS.map((key) => `${metricName(key)} ${number(values[key], 1)}`).join("、");
  return h(
    "span",
    { class: "strip", role: "img", "aria-label": words },
    METRICS.map((key) =>
      h("i", {
        class: `cell level-${Math.max(0, Math.min(10, Math.round(values[key])))}`,
        title: `${metricName(key)} ${number(values[key], 1)}`,
      }),
    ),
  );
}

function scores(row) {
  if (!row.scores) return chip(t("replies.unscored"), "warn", row.unscored_reason);
  return h(
    "div",
    { class: "replies-scores" },
    h("span", { class: "replies-mean" }, number(row.mean, 1)),
    h("div", {}, strip(row.scores), h("p", { class: "soft" }, t("replies.spread_is", { n: number(row.spread, 1) }))),
  );
}

function signs(row) {
  const guards = Object.keys(row.guards ?? {}).filter((key) => row.guards[key].points > 0);
  return h(
    "div",
    { class: "row replies-signs" },
    row.thumb ? h("span", { class: `thumb thumb-${row.thumb}`, title: row.reason }, icon(row.thumb)) : null,
    row.variants > 1 ? chip(t("replies.variants_of", { n: row.variants })) : null,
    row.safety ? chip(t("replies.flag_safety"), "bad") : null,
    row.conflict ? chip(t("replies.flag_conflict"), "warn") : null,
    row.personal ? chip(t("replies.flag_personal"), "warn") : null,
    guards.map((key) => chip(t(`replies.guard_${key}`), "warn")),
    row.reviewed ? chip(t("replies.reviewed_times", { n: row.reviewed }), "good") : null,
  );
}

function moment(row) {
  return h(
    "div",
    { class: "soft" },
    h("p", {}, when(row.at)),
    h("p", {}, t("replies.visitor_is", { id: row.visitor })),
    row.adapter ? h("p", { class: "replies-version", title: row.adapter }, row.adapter) : null,
  );
}
