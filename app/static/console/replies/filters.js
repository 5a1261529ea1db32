// What is looked for: the fields of the filter, and the filter as the address holds it.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { field, input, metricName, select } from "../ui.js";

export const METRICS = [
  "agency",
  "attentiveness",
  "consistency",
  "ease",
  "empathetic",
  "emotion",
  "enjoyability",
  "humanness",
  "personality",
  "respeak",
  "topic",
  "trust",
];

const FLAGS = ["unscored", "conflict", "personal", "safety", "regenerated", "all_variants"];
const SINGLE = ["text", "adapter", "since", "until", "visitor", "thumb", "reviewed", "sort"];

/** Reads a filter out of an address; unknown names are passed over. */
export function readFilter(query) {
  const filter = { metric: [] };
  for (const name of SINGLE) if (query.get(name)) filter[name] = query.get(name);
  for (const name of FLAGS) if (query.get(name)) filter[name] = "true";
  filter.metric = query.getAll("metric");
  return filter;
}

/** Whether anything is asked for besides an order. */
export function isFiltered(filter) {
  const { sort, metric, ...rest } = filter;
  return metric.length > 0 || Object.keys(rest).length > 0;
}

/** Returns the filter bar. `change(filter)` is called with a new filter. */
export function filterBar({ filter, adapters, change }) {
  const set = (name, value) => {
    const next = { ...filter };
    if (value) next[name] = value;
    else delete next[name];
    change(next);
  };
  const search = input({
    value: filter.text ?? "",
    type: "search",
    placeholder: t("replies.search"),
    "aria-label": t("replies.search"),
    class: "input replies-search",
    maxlength: "200",
    change: (value) => set("text", value.trim()),
  });
  const more = h(
    "details",
    { class: "replies-more", open: hasMore(filter) },
    h("summary", {}, t("replies.more_filters")),
    h(
      "div",
      { class: "replies-fields" },
      field(t("replies.version"), versions(filter, adapters, set)),
      field(t("replies.since"), date(filter.since, (value) => set("since", value))),
      field(t("replies.until"), date(filter.until, (value) => set("until", value))),
      field(
        t("replies.visitor"),
        input({ value: filter.visitor ?? "", maxlength: "32", change: (value) => set("visitor", value.trim()) }),
        t("replies.visitor_hint"),
      ),
      field(t("replies.thumb"), choice("thumb", ["up", "down", "none"], filter, set)),
      field(t("replies.reviewed"), choice("reviewed", ["yes", "no"], filter, set)),
      metricFields(filter, change),
      h(
        "fieldset",
        { class: "replies-flags" },
        h("legend", { class: "field-label" }, t("replies.only")),
        FLAGS.map((one) => flag(one, filter, set)),
      ),
    ),
  );
  const bar = h("div", { class: "replies-filter" });
  fill(
    bar,
    h(
      "div",
      { class: "row" },
      search,
      select({
        value: filter.sort ?? "newest",
        "aria-label": t("replies.sort"),
        options: sorts(),
        change: (value) => set("sort", value === "newest" ? "" : value),
      }),
      isFiltered(filter)
        ? button({ text: t("replies.clear"), symbol: "close", kind: "quiet", press: () => change({ metric: [] }) })
        : null,
    ),
    filter.metric.length
      ? h(
          "p",
          { class: "row soft" },
          filter.metric.map((one) =>
            button({
              text: told(one),
              symbol: "close",
              kind: "quiet",
              press: () => change({ ...filter, metric: filter.metric.filter((other) => other !== one) }),
            }),
          ),
        )
      : null,
    more,
  );
  return { element: bar, focus: () => search.focus() };
}

function hasMore(filter) {
  const { text, sort, metric, ...rest } = filter;
  return Object.keys(rest).length > 0;
}

function told(range) {
  const [key, low, high] = range.split(":");
  const name = metricName(key);
  if (low && high) return t("replies.between", { name, low, high });
  return low ? t("replies.from", { name, low }) : t("replies.to", { name, high });
}

function sorts() {
  const fixed = ["newest", "oldest", "spread", "mean", "-mean"].map((value) => ({
    value,
    text: t(`replies.sort_${value.replace("-", "high_")}`),
  }));
  const metrics = METRICS.flatMap((key) => [
    { value: key, text: t("replies.sort_low", { name: metricName(key) }) },
    { value: `-${key}`, text: t("replies.sort_high", { name: metricName(key) }) },
  ]);
  return [...fixed, ...metrics];
}

function versions(filter, adapters, set) {
  return select({
    value: filter.adapter ?? "",
    options: [{ value: "", text: t("replies.any") }, ...adapters.map((one) => ({ value: one, text: one }))],
    change: (value) => set("adapter", value),
  });
}

function date(value, change) {
  return input({ type: "date", value: value ?? "", change });
}

function choice(name, values, filter, set) {
  return select({
    value: filter[name] ?? "",
    options: [
      { value: "", text: t("replies.any") },
      ...values.map((value) => ({ value, text: t(`replies.${name}_${value}`) })),
    ],
    change: (value) => set(name, value),
  });
}

function flag(name, filter, set) {
  const box = h("input", { type: "checkbox" });
  box.checked = Boolean(filter[name]);
  box.addEventListener("change", () => set(name, box.checked ? "true" : ""));
  return h("label", { class: "check" }, box, t(`replies.flag_${name}`));
}

function metricFields(filter, change) {
  const which = select({
    options: ["mean", ...METRICS].map((key) => ({ value: key, text: metricName(key) })),
    "aria-label": t("replies.metric"),
  });
  const bound = (label) =>
    input({ type: "number", min: "0", max: "10", step: "0.5", "aria-label": label, placeholder: label });
  const low = bound(t("replies.at_least"));
  const high = bound(t("replies.at_most"));
  const add = () => {
    if (!low.value && !high.value) return;
    const range = `${which.value}:${low.value}:${high.value}`;
    change({ ...filter, metric: [...filter.metric, range] });
  };
  return h(
    "fieldset",
    { class: "replies-metric" },
    h("legend", { class: "field-label" }, t("replies.metric")),
    h("div", { class: "row" }, which, low, high, button({ text: t("replies.add"), kind: "quiet", press: add })),
  );
}
