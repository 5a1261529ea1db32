// What is looked for: the fields of the filter.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { field, input, metricName, select } from "../ui.js";
import { FLAGS, isFiltered, METRICS, NOTHING } from "./fields.js";
import { rangeWords, versionName } from "./filter_words.js";

const DAY_MS = 24 * 3600 * 1000;

/** The filter's moment at which a day of the browser's zone begins, `days` later. */
function dayToMoment(day, days = 0) {
  return day ? new Date(new Date(`${day}T00:00`).getTime() + days * DAY_MS).toISOString() : "";
}

function momentToDay(moment, days = 0) {
  if (!moment) return "";
  const at = new Date(new Date(moment).getTime() + days * DAY_MS);
  const two = (part) => String(part).padStart(2, "0");
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

/** Returns the filter bar. `change(filter, sort)` is called with what was chosen. */
export function filterBar({ filter, sort, adapters, change }) {
  const set = (name, value) => {
    const next = { ...filter };
    if (value === "" || value === null) delete next[name];
    else next[name] = value;
    change(next, sort);
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
  const bar = h("div", { class: "replies-filter" });
  fill(
    bar,
    h(
      "div",
      { class: "row" },
      search,
      select({
        value: sort,
        "aria-label": t("replies.sort"),
        options: sorts(),
        change: (value) => change(filter, value),
      }),
      isFiltered(filter)
        ? button({
            text: t("replies.clear"),
            symbol: "close",
            kind: "quiet",
            press: () => change(NOTHING, sort),
          })
        : null,
    ),
    filter.range.length
      ? h("p", { class: "row soft" }, filter.range.map((one) => rangeChip(one, filter, sort, change)))
      : null,
    moreFields({ filter, sort, adapters, change, set }),
  );
  return { element: bar, focus: () => search.focus() };
}

function moreFields({ filter, sort, adapters, change, set }) {
  return h(
    "details",
    { class: "replies-more", open: hasMore(filter) },
    h("summary", {}, t("replies.more_filters")),
    h(
      "div",
      { class: "replies-fields" },
      field(t("replies.version"), versions(filter, adapters, set)),
      field(
        t("replies.since"),
        date(momentToDay(filter.since), (value) => set("since", dayToMoment(value))),
      ),
      field(
        t("replies.until"),
        date(momentToDay(filter.until, -1), (value) => set("until", dayToMoment(value, 1))),
      ),
      field(
        t("replies.visitor"),
        input({
          value: filter.visitor ?? "",
          maxlength: "32",
          change: (value) => set("visitor", value.trim()),
        }),
        t("replies.visitor_hint"),
      ),
      field(t("replies.thumb"), thumbs(filter, set)),
      field(t("replies.reviewed"), reviewed(filter, set)),
      rangeFields(filter, sort, change),
      h(
        "fieldset",
        { class: "replies-flags" },
        h("legend", { class: "field-label" }, t("replies.only")),
        FLAGS.map((one) => check(t(`replies.flag_${one}`), filter[one], (on) => set(one, on || ""))),
        check(t("replies.flag_all_variants"), filter.on_screen === false, (on) =>
          set("on_screen", on ? false : ""),
        ),
      ),
    ),
  );
}

function hasMore({ text, range, ...rest }) {
  return Object.keys(rest).length > 0;
}

function rangeChip(range, filter, sort, change) {
  const without = filter.range.filter((other) => other !== range);
  return button({
    text: rangeWords(range),
    symbol: "close",
    kind: "quiet",
    press: () => change({ ...filter, range: without }, sort),
  });
}

function sorts() {
  const fixed = ["newest", "oldest", "spread_down"].map((value) => ({
    value,
    text: t(`replies.sort_${value}`),
  }));
  const measures = ["mean", ...METRICS].flatMap((key) => [
    { value: `${key}_up`, text: t("replies.sort_low", { name: metricName(key) }) },
    { value: `${key}_down`, text: t("replies.sort_high", { name: metricName(key) }) },
  ]);
  return [...fixed, ...measures];
}

function versions(filter, adapters, set) {
  return select({
    value: filter.adapter ?? "",
    options: [
      { value: "", text: t("replies.any") },
      ...["none", ...adapters].map((one) => ({ value: one, text: versionName(one) })),
    ],
    change: (value) => set("adapter", value),
  });
}

function date(value, change) {
  return input({ type: "date", value: value ?? "", change });
}

function thumbs(filter, set) {
  const values = ["up", "down", "none"].map((value) => ({ value, text: t(`replies.thumb_${value}`) }));
  return select({
    value: filter.thumb ?? "",
    options: [{ value: "", text: t("replies.any") }, ...values],
    change: (value) => set("thumb", value),
  });
}

function reviewed(filter, set) {
  return select({
    value: filter.reviewed === undefined ? "" : String(filter.reviewed),
    options: [
      { value: "", text: t("replies.any") },
      { value: "true", text: t("replies.reviewed_yes") },
      { value: "false", text: t("replies.reviewed_no") },
    ],
    change: (value) => set("reviewed", value === "" ? "" : value === "true"),
  });
}

function check(text, on, change) {
  const box = h("input", { type: "checkbox" });
  box.checked = Boolean(on);
  box.addEventListener("change", () => change(box.checked));
  return h("label", { class: "check" }, box, text);
}

function rangeFields(filter, sort, change) {
  const which = select({
    value: "mean",
    options: ["mean", ...METRICS].map((key) => ({ value: key, text: metricName(key) })),
    "aria-label": t("replies.metric"),
  });
  const bound = (label) =>
    input({ type: "number", min: "0", max: "10", step: "0.5", "aria-label": label, placeholder: label });
  const low = bound(t("replies.at_least"));
  const high = bound(t("replies.at_most"));
  const add = () => {
    if (!low.value && !high.value) return;
    const range = [...filter.range, `${which.value}:${low.value}:${high.value}`];
    change({ ...filter, range }, sort);
  };
  return h(
    "fieldset",
    { class: "replies-metric" },
    h("legend", { class: "field-label" }, t("replies.metric")),
    h(
      "div",
      { class: "row" },
      which,
      low,
      high,
      button({ text: t("replies.add"), kind: "quiet", press: add }),
    ),
  );
}
