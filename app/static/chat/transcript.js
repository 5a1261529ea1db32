// The conversation itself: one block per turn, kept in step with the state.

import { editTurn, setLearn } from "./actions.js";
import { makeEditor } from "./composer.js";
import { button, fill, h, icon } from "../shared/dom.js";
import { announce } from "../shared/notices.js";
import { receipts } from "./receipts.js";
import { makeReply } from "./reply.js";
import { isActive, isBusy, on, shownReply, state } from "./state.js";
import { t } from "../shared/texts.js";

const NEAR_END_PX = 96;

/** Returns {element, update(turn), text(turn)} for one turn: the visitor's words and the reply. */
function makeTurn(turn) {
  const own = h("div", { class: "own", role: "group", "aria-label": t("own_label") });
  const reply = makeReply(turn);
  const element = h("section", { class: "turn", data: { turn: turn.id } }, own, reply.element);
  let now = turn;
  let editing = false;

  function drawOwn() {
    own.classList.toggle("secret", !now.learn);
    if (editing) {
      fill(
        own,
        makeEditor({
          text: now.text,
          done: (text) => editTurn(now.id, text),
          cancel: () => {
            editing = false;
            drawOwn();
            own.querySelector(".edit-button")?.focus();
          },
        }),
      );
      return;
    }
    fill(own, h("p", { class: "own-text", lang: "ja", dir: "auto" }, now.text), ownActs(), receipts(now));
  }

  function ownActs() {
    const edit = button({
      label: t("edit"),
      symbol: "edit",
      key: `edit-${now.id}`,
      disabled: isBusy(),
      press: () => {
        editing = true;
        drawOwn();
      },
    });
    edit.classList.add("edit-button");
    const learn = h(
      "button",
      {
        type: "button",
        class: "btn btn-ghost learn-button",
        "aria-pressed": now.learn ? "false" : "true",
        title: t("forget_explained"),
        data: { k: `learn-${now.id}` },
        on: { click: () => setLearn(now.id, !now.learn) },
      },
      icon("shield"),
      h("span", {}, t(now.learn ? "forget" : "forgotten")),
    );
    return h("div", { class: "acts own-acts" }, learn, edit);
  }

  drawOwn();
  return {
    element,
    update(next) {
      now = next;
      if (!editing) drawOwn();
      reply.update(next);
    },
    text(next) {
      now = next;
      reply.grow(next);
    },
  };
}

/** Returns {element, scroller parts}: the scrolling transcript; `welcome` fills an empty stage. */
export function makeTranscript(welcome) {
  const views = new Map();
  const inner = h("div", { class: "lines" });
  const element = h(
    "div",
    { class: "transcript", tabindex: "-1", role: "region", "aria-label": t("transcript_label") },
    inner,
  );
  const toEnd = button({
    label: t("to_end"),
    symbol: "bottom",
    kind: "float",
    press: () => scrollToEnd(true),
  });
  toEnd.hidden = true;

  const nearEnd = () =>
    element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_END_PX;
  let sticking = true;

  function scrollToEnd(smooth) {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.scrollTo({
      top: element.scrollHeight,
      behavior: smooth && !calm ? "smooth" : "instant",
    });
  }
  element.addEventListener("scroll", () => {
    sticking = nearEnd();
    toEnd.hidden = sticking || !state.current;
  });
  new ResizeObserver(() => {
    if (sticking && state.current) scrollToEnd(false);
  }).observe(inner);

  function draw(detail = {}) {
    const turns = state.current?.turns ?? [];
    if (!state.current || turns.length === 0) {
      views.clear();
      inner.replaceChildren(welcome());
      element.classList.add("empty");
      element.scrollTop = 0;
      toEnd.hidden = true;
      return;
    }
    element.classList.remove("empty");
    const wanted = turns.map((turn) => {
      const view = views.get(turn.id) ?? makeTurn(turn);
      if (views.has(turn.id)) view.update(turn);
      return [turn.id, view];
    });
    views.clear();
    for (const [id, view] of wanted) views.set(id, view);
    reconcile(wanted.map(([, view]) => view.element));
    if (detail.opened || detail.said) {
      sticking = true;
      scrollToEnd(Boolean(detail.said));
    }
  }

  function reconcile(elements) {
    for (const child of [...inner.children]) if (!elements.includes(child)) child.remove();
    elements.forEach((child, at) => {
      if (inner.children[at] !== child) inner.insertBefore(child, inner.children[at] ?? null);
    });
  }

  on("conversation", draw);
  on("turn", ({ turn, kind }) => {
    const view = views.get(turn.id);
    if (!view) return;
    if (kind === "text") view.text(turn);
    else view.update(turn);
    const reply = shownReply(turn);
    if (kind === "ended" && reply && !isActive(reply)) {
      announce(turn.duel ? t("duel_ask") : reply.text || t(reply.status));
    }
    if (kind === "ended" || kind === "state") redrawOthers(turn.id);
  });
  on("status", () => redrawOthers());
  on("me", () => {
    if (!state.current?.turns.length) draw();
  });

  // Whether a turn may be edited or answered anew depends on whether any reply is being written.
  let busyBefore = false;
  let modelBefore = state.model;
  function redrawOthers(except) {
    const busy = isBusy();
    if (busy === busyBefore && modelBefore === state.model) return;
    busyBefore = busy;
    modelBefore = state.model;
    for (const turn of state.current?.turns ?? []) {
      if (turn.id !== except) views.get(turn.id)?.update(turn);
    }
  }

  draw({ opened: true });
  return { element, toEnd };
}
