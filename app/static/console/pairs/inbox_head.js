// What stands above the pairs of a night: its mode, how long is left, and how far people are.

import { h } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { chip, progressBar, when } from "../ui.js";

const MINUTE = 60_000;

/** The head. `tick` of what it returns shows the time anew; `show(inbox)` draws it. */
export function inboxHead() {
  const element = h("header", { class: "pair-head" });
  let clock = null;
  let deadline = null;

  const tick = () => {
    if (clock) clock.textContent = left(deadline);
  };

  const show = (inbox) => {
    deadline = inbox.deadline;
    clock = deadline ? h("strong", { class: "pair-clock" }, left(deadline)) : null;
    const all = Object.values(inbox.counts).reduce((sum, one) => sum + one, 0);
    const done = all - inbox.counts.proposed;
    element.replaceChildren(
      h(
        "div",
        { class: "row pair-head-line" },
        chip(t(`pairs.mode_${inbox.approval}`), inbox.approval === "required" ? "gold" : "plain"),
        h("span", { class: "soft" }, t(`pairs.why_${inbox.why}`)),
        clock
          ? h("span", { class: "pair-deadline" }, t("pairs.deadline", { at: when(deadline) }), " ", clock)
          : null,
        h(
          "span",
          { class: "pair-done" },
          progressBar(done, all, t("pairs.progress")),
          h("span", { class: "soft" }, t("pairs.left", { n: inbox.counts.proposed })),
        ),
      ),
      h("p", { class: "soft pair-meaning" }, meaning(inbox)),
    );
  };

  return { element, show, tick };
}

/** What becomes of the pairs, in plain words. */
export function meaning(inbox) {
  if (!inbox.night) return t("pairs.means_all");
  const places = { day: dayOf(inbox.night), hours: inbox.hours };
  if (!inbox.open) return t("pairs.means_over", places);
  if (inbox.approval === "auto") return t("pairs.means_auto", places);
  if (!inbox.deadline) return t("pairs.means_before", places);
  return new Date(inbox.deadline) > new Date()
    ? t("pairs.means_required", places)
    : t("pairs.means_due", places);
}

function left(deadline) {
  const minutes = Math.ceil((new Date(deadline) - new Date()) / MINUTE);
  if (minutes <= 0) return t("pairs.time_over");
  const hours = Math.floor(minutes / 60);
  return hours
    ? t("pairs.time_hours", { hours, minutes: minutes % 60 })
    : t("pairs.time_minutes", { minutes });
}
