// A filter of replies in words, one a condition.

import { language, t } from "../../shared/texts.js";
import { chip, metricName } from "../ui.js";
import { FLAGS } from "./fields.js";

const NO_ADAPTER = "none";

/** Returns chips that say what a filter asks for; a hidden visitor or text is `true`. */
export function filterChips(filter) {
  return filterWords(filter).map((text) => chip(text, "gold"));
}

/** Returns what a version is called; `none` is the model without any. */
export function versionName(adapter) {
  return adapter === NO_ADAPTER ? t("replies.none_version") : adapter;
}

/** Returns a range of a score, `trust:3:5`, in words. */
export function rangeWords(range) {
  const [key, low, high] = range.split(":");
  const name = metricName(key);
  if (low && high) return t("replies.between", { name, low, high });
  return t(low ? "replies.from" : "replies.to", { name, low, high });
}

function filterWords(filter) {
  const { text, visitor, adapter, since, until, thumb, reviewed } = filter;
  return [
    text === true ? t("replies.text_some") : text && t("replies.text_is", { text }),
    ...(filter.range ?? []).map(rangeWords),
    adapter && t("replies.version_is", { name: versionName(adapter) }),
    since && t("replies.since_is", { day: day(since) }),
    until && t("replies.until_is", { day: day(until, 1) }),
    visitor === true ? t("replies.visitor_some") : visitor && t("replies.visitor_is", { id: visitor }),
    thumb && t("replies.thumb_is", { value: t(`replies.thumb_${thumb}`) }),
    reviewed === undefined ? null : t("replies.reviewed_is", { value: t(`replies.reviewed_${reviewed ? "yes" : "no"}`) }),
    ...FLAGS.filter((one) => filter[one] !== undefined).map((one) => flagWords(one, filter[one])),
    filter.on_screen === false ? t("replies.flag_all_variants") : null,
  ].filter(Boolean);
}

function flagWords(flag, on) {
  const name = t(`replies.flag_${flag}`);
  return on ? name : t("replies.not", { name });
}

function day(moment, before = 0) {
  const at = new Date(new Date(moment).getTime() - before);
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium" }).format(at);
}
