// A duel: two answers side by side without names, and the visitor's choice between them.

import { chooseAnswer } from "./actions.js";
import { button, fill, h } from "../shared/dom.js";
import { isActive } from "./state.js";
import { t } from "../shared/texts.js";

/** The two answers a turn asks about, in the order in which they stand, or null. */
export function duelSides(turn) {
  if (!turn.duel) return null;
  const find = (id) => turn.replies.find((reply) => reply.id === id);
  const sides = [find(turn.duel.left), find(turn.duel.right)];
  return sides.every(Boolean) ? sides : null;
}

/** Returns {element, update(turn), grow(turn)} for the answers of a turn that has `duelSides`. */
export function makeDuel() {
  const words = [0, 1].map(() => h("p", { class: "reply-text", lang: "ja" }));
  const element = h("div", { class: "duel", role: "group", "aria-label": t("duel_ask") });

  function card(reply, place, turn, ready) {
    const name = t(place === 0 ? "duel_first" : "duel_second");
    const waiting = isActive(reply) && !reply.text;
    const dots = h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
    return h(
      "div",
      { class: "duel-card", data: { status: reply.status } },
      h("p", { class: "duel-name" }, name),
      waiting ? h("p", { class: "status" }, dots, t("thinking")) : words[place],
      button({
        text: t("duel_choose"),
        kind: "choice",
        key: `duel-${place}-${turn.id}`,
        disabled: !ready,
        "aria-label": `${name} ${t("duel_choose")}`,
        press: () => chooseAnswer(turn.id, place === 0 ? "left" : "right"),
      }),
    );
  }

  function grow(turn) {
    duelSides(turn).forEach((reply, place) => {
      words[place].textContent = reply.text;
    });
  }

  function update(turn) {
    const sides = duelSides(turn);
    const ready = !sides.some(isActive);
    grow(turn);
    fill(
      element,
      h("p", { class: "duel-ask" }, t(ready ? "duel_ask" : "duel_wait")),
      h("div", { class: "duel-cards" }, ...sides.map((one, at) => card(one, at, turn, ready))),
      h(
        "div",
        { class: "duel-rest" },
        button({
          text: t("duel_same"),
          kind: "quiet",
          key: `duel-same-${turn.id}`,
          disabled: !ready,
          press: () => chooseAnswer(turn.id, "same"),
        }),
        h("p", { class: "duel-skip" }, t("duel_skip")),
      ),
    );
  }

  return { element, update, grow };
}
