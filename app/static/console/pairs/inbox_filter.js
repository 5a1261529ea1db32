// Which pairs are listed, and the approval of all of them.

import { button, h } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { field, input, select, tabs } from "../ui.js";

const STATUSES = ["proposed", "approved", "flipped", "vetoed", ""];

/** Draws the filter. `change(filter)` is called with what is chosen. */
export function filterBar({ filter, inbox, change, approveAll, bulk, undoBulk }) {
  const set = (name, value) => change({ ...filter, [name]: value });
  const count = (status) =>
    status ? inbox.counts[status] : Object.values(inbox.counts).reduce((sum, one) => sum + one, 0);
  return h(
    "div",
    { class: "row pair-filter" },
    tabs({
      label: t("pairs.filter_status"),
      value: filter.status ?? "",
      options: STATUSES.map((value) => ({
        value,
        text: t(`pairs.status_${value || "all"}`),
        count: count(value),
      })),
      change: (value) => set("status", value),
    }),
    field(
      t("pairs.filter_night"),
      select({
        value: inbox.night ?? "all",
        options: [
          ...inbox.nights.map((one) => ({
            value: one.date,
            text: t("pairs.night", { day: dayOf(one.date), n: one.undecided }),
          })),
          { value: "all", text: t("pairs.night_all") },
        ],
        change: (value) => set("night", value),
        "aria-label": t("pairs.filter_night"),
        data: { k: "filter-night" },
      }),
    ),
    field(
      t("pairs.filter_source"),
      select({
        value: filter.source ?? "",
        options: [
          { value: "", text: t("pairs.source_all") },
          ...Object.entries(inbox.sources).map(([key, many]) => ({
            value: key,
            text: `${t(`pairs.source_${key}`)} (${many})`,
          })),
        ],
        change: (value) => set("source", value),
        "aria-label": t("pairs.filter_source"),
        data: { k: "filter-source" },
      }),
    ),
    field(
      t("pairs.filter_margin"),
      input({
        type: "number",
        min: "0",
        max: "100",
        step: "0.1",
        value: filter.margin_above ?? "",
        change: (value) => set("margin_above", value),
        "aria-label": t("pairs.filter_margin"),
        data: { k: "filter-margin" },
      }),
    ),
    h(
      "span",
      { class: "pair-bulk" },
      bulk
        ? button({
            text: t("pairs.undo_all", { n: bulk.count }),
            symbol: "undo",
            kind: "quiet",
            key: "undo-all",
            press: undoBulk,
          })
        : null,
      button({
        text: t("pairs.approve_all"),
        symbol: "check",
        kind: "quiet",
        key: "approve-all",
        press: approveAll,
      }),
    ),
  );
}
