// Receipts: which nights a message was used in, and which version learnt from it.

import { h, icon } from "../shared/dom.js";
import { dayOf, t } from "../shared/texts.js";

/** Returns the badge of a turn, with all receipts to unfold when there are many; null for none. */
export function receipts(turn) {
  const learned = turn.learned ?? [];
  const newest = learned.at(-1);
  if (!newest) return null;
  const words = h("span", {}, tell(newest));
  if (learned.length === 1) return h("p", { class: "learned" }, icon("moon"), words);
  const times = h("span", { class: "learned-times" }, t("learned_times", { n: learned.length }));
  return h(
    "details",
    { class: "learned" },
    h("summary", { data: { k: `learned-${turn.id}` } }, icon("moon"), words, times),
    h(
      "ul",
      { "aria-label": t("learned_all") },
      ...learned.toReversed().map((one) => h("li", {}, `${dayOf(one.date)} ${one.adapter}`)),
    ),
  );
}

function tell(receipt) {
  return t("learned", { when: dayOf(receipt.date), adapter: receipt.adapter });
}
