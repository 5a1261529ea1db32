// The talk that led to a reply, the reply in large letters, and what it was made from.

import { h, icon } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { chip, when } from "../ui.js";

const URGENT = new Set(["conflict", "safety"]);

/** Draws one item. `name` is the persona's; `editor` stands below the reply. */
export function drawTalk(entry, name, editor) {
  const { item } = entry;
  return h(
    "section",
    { class: "panel queue-talk", "aria-label": t("queue.talk") },
    h("div", { class: "row spread queue-meta" }, reasons(item), origin(item)),
    item.before.length
      ? h(
          "ol",
          { class: "queue-before", "aria-label": t("queue.before") },
          item.before.map((line) => h("li", { class: `queue-line from-${line.role}` }, said(line.text))),
        )
      : null,
    h(
      "p",
      { class: "queue-line from-user queue-asked" },
      h("span", { class: "queue-who" }, t("queue.visitor")),
      said(item.user_text),
    ),
    h(
      "blockquote",
      { class: "queue-reply", lang: "ja" },
      h("span", { class: "queue-who" }, name),
      h("p", { class: "said queue-words" }, item.text),
    ),
    caught(item.caught),
    editor,
    facts(item.facts),
  );
}

function said(text) {
  return h("span", { class: "said", lang: "ja" }, text);
}

function reasons(item) {
  return h(
    "ul",
    { class: "row queue-why", "aria-label": t("queue.why") },
    item.why.map((why) =>
      h(
        "li",
        {},
        chip(t(`queue.why_${why}`), URGENT.has(why) ? "bad" : "gold", t(`queue.why_${why}_text`)),
      ),
    ),
    item.conflicts.map((signal) => h("li", {}, chip(t(`queue.signal_${signal}`), "warn"))),
  );
}

function origin(item) {
  const parts = [when(item.at), item.adapter ?? t("queue.bare")];
  return h("p", { class: "soft" }, parts.join("　"));
}

function facts(known) {
  return h(
    "section",
    { class: "queue-facts" },
    h("h3", {}, icon("clue"), t("queue.facts")),
    known.length
      ? h("ul", {}, known.map((fact) => h("li", { class: "said", lang: "ja" }, fact)))
      : h("p", { class: "soft" }, t("queue.no_facts")),
  );
}

function caught(events) {
  if (!events.length) return null;
  return h(
    "details",
    { class: "queue-caught" },
    h("summary", {}, icon("shield"), t("queue.caught", { n: events.length })),
    events.map((one) =>
      h(
        "p",
        {},
        chip(t(`queue.source_${one.source}`)),
        chip(t(`queue.category_${one.category}`), "bad"),
        said(one.text),
      ),
    ),
  );
}
