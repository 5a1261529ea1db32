// A whole conversation as it was said, the opened reply marked.

import { h, icon } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { chip, panel, when } from "../ui.js";

/** Returns the conversation around `reply`; `open(id)` opens another reply of it. */
export function conversation({ detail, reply, open }) {
  const turns = detail.conversation.turns;
  return panel(
    detail.conversation.title || t("replies.untitled"),
    h(
      "ol",
      { class: "lines" },
      turns.map((turn) => turnLines(turn, { detail, reply, open })),
    ),
  );
}

function turnLines(turn, { detail, reply, open }) {
  return h(
    "li",
    { class: turn.superseded ? "line-turn line-gone" : "line-turn" },
    h(
      "div",
      { class: "line line-user" },
      h("p", { class: "said" }, turn.text),
      h(
        "p",
        { class: "row line-notes" },
        h("span", { class: "soft" }, when(turn.at)),
        turn.superseded ? chip(t("replies.edited_away")) : null,
        turn.learn ? null : chip(t("replies.no_learn")),
        turn.flagged ? chip(t("replies.flag_safety"), "bad") : null,
      ),
    ),
    turn.replies.map((one, at) => replyLine(one, at, turn, { detail, reply, open })),
  );
}

function replyLine(one, at, turn, { detail, reply, open }) {
  const current = one.id === reply.id;
  const several = turn.replies.length > 1;
  const caught = detail.safety.filter((event) => event.reply === one.id);
  return h(
    "div",
    { class: `line line-her${current ? " line-current" : ""}${at === turn.shown ? "" : " line-hidden"}` },
    h("p", { class: "said" }, one.text || t(`replies.status_${one.status}`)),
    caught.map((event) =>
      h(
        "p",
        { class: "line-caught" },
        icon("shield"),
        h("span", {}, t("replies.caught", { reason: event.reason })),
        h("span", { class: "said" }, event.text),
      ),
    ),
    one.facts.length && current
      ? h(
          "ul",
          { class: "line-facts", "aria-label": t("replies.facts") },
          one.facts.map((fact) => h("li", {}, fact)),
        )
      : null,
    h(
      "p",
      { class: "row line-notes" },
      several ? chip(t("replies.variant_place", { n: at + 1, all: turn.replies.length })) : null,
      several && at === turn.shown ? chip(t("replies.on_screen"), "gold") : null,
      one.thumb ? h("span", { class: `thumb thumb-${one.thumb}` }, icon(one.thumb), one.reason ?? "") : null,
      one.safety ? chip(t("replies.flag_safety"), "bad") : null,
      one.adapter ? h("span", { class: "soft" }, one.adapter) : null,
      current
        ? null
        : h(
            "button",
            { type: "button", class: "btn btn-link", on: { click: () => open(one.id) } },
            t("replies.look"),
          ),
    ),
  );
}
