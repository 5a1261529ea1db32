// One reply of hers: the words, what she is doing, its variants, and what can be done with it.

import { regenerate, showVariant } from "./actions.js";
import { button, fill, h, icon } from "../shared/dom.js";
import { avatar } from "./portrait.js";
import { duelSides, makeDuel } from "./duel.js";
import { reasonLine, reasons, thumbs } from "./feedback.js";
import { toast } from "../shared/notices.js";
import { isActive, isBusy, shownReply, state } from "./state.js";
import { t } from "../shared/texts.js";

const SWIPE_PX = 56;

/**
 * Returns {element, update(turn), grow(turn)} for the reply of a turn. `update` redraws,
 * `grow` only lets the words grow.
 */
export function makeReply(turn) {
  const ui = { turn, reasonsOpen: false, cluesOpen: false, draft: { words: null } };
  const body = h("div", { class: "reply-body" });
  const under = h("div", { class: "reply-under" });
  const card = h("div", { class: "reply-card" }, body);
  const duel = makeDuel();
  const element = h(
    "article",
    { class: "reply", tabindex: "0", "aria-label": t("reply_label") },
    avatar("small"),
    h("div", { class: "reply-column" }, h("p", { class: "speaker" }, t("short_name")), card, duel.element, under),
  );
  const words = h("p", { class: "reply-text", lang: "ja" });

  function update(next) {
    ui.turn = next;
    const reply = shownReply(next);
    if (!reply) return;
    const waiting = isActive(reply);
    element.dataset.status = reply.status;
    element.dataset.reply = reply.id;
    element.setAttribute("aria-busy", waiting ? "true" : "false");
    const both = duelSides(next);
    card.hidden = Boolean(both);
    duel.element.hidden = !both;
    if (both) {
      const moving = both.find(isActive);
      element.dataset.status = moving ? moving.status : "done";
      element.setAttribute("aria-busy", moving ? "true" : "false");
      duel.update(next);
      fill(under);
      return;
    }
    words.textContent = reply.text;
    fill(body, reply.text ? words : null, statusLine(reply, next));
    fill(under, ...underneath(reply, next));
  }

  function underneath(reply, next) {
    const many = next.replies.length > 1;
    const rows = [
      h("div", { class: many ? "acts acts-many" : "acts" }, ...acts(reply, next)),
    ];
    if (ui.cluesOpen) rows.push(clues(reply));
    if (ui.reasonsOpen && reply.thumb) {
      rows.push(
        reasons(reply, ui.draft, () => {
          ui.reasonsOpen = false;
          update(ui.turn);
          toast(t("thanks"));
        }),
      );
    } else if (reply.thumb) rows.push(reasonLine(reply));
    return rows;
  }

  function acts(reply, next) {
    const items = [];
    if (next.replies.length > 1) items.push(variants(next));
    if (isActive(reply)) return items;
    items.push(
      button({
        label: t("regenerate"),
        symbol: "again",
        key: `again-${next.id}`,
        disabled: isBusy(),
        press: () => regenerate(next.id),
      }),
    );
    if (reply.text) {
      items.push(
        ...thumbs(reply, (open) => {
          ui.reasonsOpen = open;
        }),
        copyButton(reply, next),
      );
    }
    if (reply.facts.length > 0) items.push(clueButton(reply, next));
    return items;
  }

  function copyButton(reply, next) {
    const copy = button({
      label: t("copy"),
      symbol: "copy",
      key: `copy-${next.id}`,
      press: () => copyText(reply.text),
    });
    copy.classList.add("copy-button");
    return copy;
  }

  function clueButton(reply, next) {
    return h(
      "button",
      {
        type: "button",
        class: "btn btn-ghost clue-button",
        "aria-expanded": ui.cluesOpen ? "true" : "false",
        "aria-label": `${t("clues")} ${reply.facts.length}`,
        data: { k: `clue-${next.id}` },
        on: {
          click: () => {
            ui.cluesOpen = !ui.cluesOpen;
            update(ui.turn);
          },
        },
      },
      icon("clue"),
      h("span", { class: "clue-word" }, t("clues")),
      h("span", {}, String(reply.facts.length)),
    );
  }

  element.addEventListener("keydown", (event) => {
    if (event.target !== element || event.altKey || event.ctrlKey || event.metaKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || ui.turn.replies.length < 2 || ui.turn.duel) return;
    event.preventDefault();
    void showVariant(ui.turn.id, ui.turn.shown + step);
  });
  makeSwipe(card, () => ui.turn);
  update(turn);
  return {
    element,
    update,
    grow(next) {
      if (duelSides(next)) duel.grow(next);
      else words.textContent = shownReply(next).text;
    },
  };
}

function statusLine(reply, turn) {
  const dots = () => h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  if (reply.status === "queued") {
    if (state.model === "loading") return h("p", { class: "status" }, dots(), t("model_loading"));
    const text = reply.position > 0 ? t("queued", { n: reply.position }) : t("thinking");
    return h("p", { class: "status" }, dots(), text);
  }
  if (reply.status === "streaming" && !reply.text) {
    return h("p", { class: "status" }, dots(), t("thinking"));
  }
  if (reply.status === "stopped") {
    return h("p", { class: "status status-stopped" }, t(reply.text ? "stopped" : "stopped_early"));
  }
  if (reply.status === "failed") {
    return h(
      "div",
      { class: "status status-failed", role: "alert" },
      h("span", {}, reply.message || t("failed")),
      button({
        text: t("retry"),
        kind: "quiet",
        key: `retry-${turn.id}`,
        press: () => regenerate(turn.id),
      }),
    );
  }
  return reply.safety ? h("p", { class: "status status-safety" }, t("safety")) : null;
}

function variants(turn) {
  const total = turn.replies.length;
  const step = (by, symbol, label) =>
    button({
      label,
      symbol,
      key: `${symbol}-${turn.id}`,
      disabled: turn.shown + by < 0 || turn.shown + by >= total,
      press: () => showVariant(turn.id, turn.shown + by),
    });
  return h(
    "div",
    { class: "variants", role: "group", "aria-label": t("variants") },
    step(-1, "prev", t("variant_prev")),
    h("span", { class: "variant-place" }, `${turn.shown + 1}/${total}`),
    step(1, "next", t("variant_next")),
  );
}

function clues(reply) {
  return h(
    "div",
    { class: "clues" },
    h("p", { class: "clues-title" }, t("clues_title")),
    h("ul", { lang: "ja" }, ...reply.facts.map((fact) => h("li", {}, fact))),
    reply.adapter ? h("p", { class: "clues-voice" }, t("voice", { name: reply.adapter })) : null,
  );
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("copied"));
  } catch {
    toast(t("copy_failed"), "bad");
  }
}

/** Lets a finger (or a held mouse) pull the card aside to the next or previous variant. */
function makeSwipe(card, turnNow) {
  let start = null;
  const reset = () => {
    start = null;
    card.classList.remove("pulled");
    card.style.removeProperty("--pull");
  };
  card.addEventListener("pointerdown", (event) => {
    const fit = event.pointerType !== "mouse" && event.isPrimary;
    if (fit && turnNow().replies.length > 1) start = { x: event.clientX, y: event.clientY };
  });
  card.addEventListener("pointermove", (event) => {
    if (!start || !event.isPrimary) return;
    const pull = event.clientX - start.x;
    if (Math.abs(event.clientY - start.y) > Math.abs(pull) + 12) {
      reset();
      return;
    }
    card.classList.add("pulled");
    card.style.setProperty("--pull", `${Math.max(-90, Math.min(90, pull))}px`);
  });
  card.addEventListener("pointerup", (event) => {
    if (!start) return;
    const pull = event.clientX - start.x;
    reset();
    if (Math.abs(pull) < SWIPE_PX) return;
    const turn = turnNow();
    void showVariant(turn.id, turn.shown + (pull < 0 ? 1 : -1));
  });
  card.addEventListener("pointercancel", reset);
}
