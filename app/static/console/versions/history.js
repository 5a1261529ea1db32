// What was in production when: a timeline, with what the same-day watch saw.

import { h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { chip, count, number, when } from "../ui.js";
import { duration } from "../nights/report.js";

const SIGNALS = ["retry", "thumb_down", "reward"];

/** The timeline, newest first. `pick(adapter)` opens a version. */
export function timeline(history, pick) {
  return h(
    "ol",
    { class: "timeline" },
    history.map((one, at) =>
      h(
        "li",
        { class: `moment ${at === 0 ? "moment-now" : ""} ${isReturn(history, at) ? "moment-back" : ""}` },
        h(
          "p",
          { class: "row" },
          h("time", { datetime: one.at }, when(one.at)),
          h("span", { class: "soft" }, at === 0 ? t("versions.until_now") : lasted(one)),
          isReturn(history, at) ? chip(t("versions.went_back"), "warn") : null,
          one.tainted ? chip(t("versions.tainted"), "bad") : null,
        ),
        h(
          "button",
          { type: "button", class: "btn-link version-link", on: { click: () => pick(one.adapter) } },
          one.adapter,
        ),
        h("p", { class: "said moment-why" }, `${who(one.who)}：${one.why}`),
        watched(one.watch),
      ),
    ),
  );
}

/** Who put it there, in words where a machine did. */
export function who(name) {
  const known = { night: "versions.by_night", watch: "versions.by_watch", yogeiko: "versions.by_shipped" };
  return name in known ? t(known[name]) : name;
}

/** Whether this deployment put an earlier version back. */
function isReturn(history, at) {
  return history.slice(at + 1).some((one) => one.adapter === history[at].adapter);
}

function lasted(one) {
  return t("versions.lasted", { time: duration((new Date(one.until) - new Date(one.at)) / 1000) });
}

function watched(watch) {
  const seen = SIGNALS.filter((signal) => watch[signal]);
  if (!seen.length) return null;
  return h(
    "ul",
    { class: "watch-seen" },
    seen.map((signal) => {
      const one = watch[signal];
      return h(
        "li",
        {},
        t("versions.watch_saw", {
          signal: t(`versions.signal_${signal}`),
          usual: number(one.usual, 3),
          seen: number(one.seen, 3),
          before: count(one.before),
          after: count(one.after),
          evidence: number(one.e_value, 0),
          enough: number(one.threshold, 0),
        }),
      );
    }),
  );
}
