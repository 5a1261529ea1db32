// What was done to one fact, newest first.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { attempt, chip, openDialog, when } from "../ui.js";

const KINDS = { add: "good", edit: "gold", retire: "bad", restore: "good", propose: "plain" };

/** Shows the history of a fact. */
export async function openHistory(fact) {
  const answer = await attempt(() => get(`facts/${fact.id}/history`));
  if (!answer) return;
  const dialog = openDialog(
    "fact-history",
    t("facts.history"),
    h("p", { class: "said known-title" }, answer.fact.text),
    answer.changes.length
      ? h("ol", { class: "known-changes" }, answer.changes.map(entry))
      : h("p", { class: "soft" }, t("facts.history_none")),
    h(
      "div",
      { class: "dialog-acts" },
      button({ text: t("common.close"), kind: "quiet", press: () => dialog.close() }),
    ),
  );
}

function entry(one) {
  return h(
    "li",
    { class: "known-change" },
    h(
      "p",
      { class: "row" },
      chip(t(`facts.did_${one.action}`), KINDS[one.action]),
      h("span", {}, one.who),
      h("time", { class: "soft", datetime: one.at }, when(one.at)),
    ),
    one.action === "edit"
      ? [
          h("p", { class: "said known-before" }, one.before),
          h("p", { class: "said known-after" }, one.after),
        ]
      : null,
    one.why ? h("p", { class: "soft said" }, t("facts.because", { why: one.why })) : null,
  );
}
