// The page as a whole: list on the left, the conversation, and her stage on the right.

import { startNew } from "./actions.js";
import { makeComposer } from "./composer.js";
import { openSettings } from "./dialogs.js";
import { button, h } from "../shared/dom.js";
import { avatar, PORTRAIT } from "./portrait.js";
import { noticePlaces } from "../shared/notices.js";
import { makeSidebar } from "./sidebar.js";
import { activeReply, emit, forgetListeners, on, state } from "./state.js";
import { language, list, t, useLanguage, withoutTurns } from "../shared/texts.js";
import { makeTranscript } from "./transcript.js";

/** Draws the page into `root`; again after a change of language. */
export function drawPage(root) {
  forgetListeners();
  const rebuild = () => drawPage(root);
  const drawer = makeDrawer(rebuild);
  const composer = makeComposer();
  const transcript = makeTranscript(() => welcome(composer));
  const page = h(
    "div",
    { class: "page" },
    drawer.element,
    drawer.veil,
    h(
      "main",
      { class: "room" },
      header(drawer, rebuild, composer),
      banner(),
      transcript.element,
      h("div", { class: "front" }, transcript.toEnd, composer.element),
    ),
    stage(),
  );
  page.addEventListener("click", () => emit("away"));
  root.replaceChildren(page, ...noticePlaces());
}

function makeDrawer(rebuild) {
  let opener = null;
  const close = () => {
    document.documentElement.classList.remove("drawer-open");
    opener?.setAttribute("aria-expanded", "false");
  };
  const element = makeSidebar({
    opened: close,
    settings: () => {
      close();
      openSettings(rebuild);
    },
  });
  element.id = "side";
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    opener?.focus();
  });
  const veil = h("div", { class: "veil", on: { click: close } });
  return {
    element,
    veil,
    toggle(button) {
      opener = button;
      const open = document.documentElement.classList.toggle("drawer-open");
      opener.setAttribute("aria-expanded", open ? "true" : "false");
      if (open) element.querySelector(".new-talk").focus();
    },
  };
}

function header(drawer, rebuild, composer) {
  const name = h("h1", { class: "room-name", lang: "ja" });
  const line = h("p", { class: "room-line" });
  const menu = button({
    label: t("open_list"),
    symbol: "menu",
    "aria-expanded": "false",
    "aria-controls": "side",
    press: () => drawer.toggle(menu),
  });
  menu.classList.add("only-narrow");
  const fresh = button({
    label: t("new_talk"),
    symbol: "plus",
    press: () => {
      startNew();
      composer.focus();
    },
  });
  fresh.classList.add("only-narrow");
  const other = language() === "ja" ? "en" : "ja";
  const switcher = h(
    "button",
    {
      type: "button",
      class: "btn btn-ghost language",
      lang: other,
      "aria-label": t("switch_language"),
      on: {
        click: async () => {
          await useLanguage(other);
          rebuild();
        },
      },
    },
    other === "en" ? "EN" : "日本語",
  );
  const settings = button({
    label: t("settings"),
    symbol: "gear",
    press: () => openSettings(rebuild),
  });
  settings.classList.add("only-wide");
  const draw = () => {
    name.textContent = state.me?.persona.name ?? t("default_name");
    line.textContent = presence();
    const listed = state.conversations.find((talk) => talk.id === state.current?.id);
    const title = listed?.title || state.current?.title || "";
    document.title = title ? `${withoutTurns(title)} · 夜稽古` : "夜稽古 Yogeiko";
  };
  for (const topic of ["me", "status", "conversation", "turn", "list"]) on(topic, draw);
  draw();
  return h(
    "header",
    { class: "room-head" },
    menu,
    avatar("medium"),
    h("div", { class: "room-who" }, name, line),
    switcher,
    settings,
    fresh,
  );
}

function presence() {
  if (!state.online) return t("presence_offline");
  if (state.model === "loading") return t("presence_loading");
  if (state.model === "failed") return t("presence_failed");
  const reply = activeReply();
  if (reply?.status === "queued" && reply.position > 0) return t("queued", { n: reply.position });
  return t(reply ? "presence_writing" : "presence_here");
}

function banner() {
  const element = h("div", { class: "banner", role: "status" });
  const draw = () => {
    const message = !state.online
      ? t("banner_offline")
      : state.model === "loading"
        ? t("banner_loading")
        : state.model === "failed"
          ? t("banner_failed")
          : "";
    element.hidden = message === "";
    if (element.textContent !== message) element.textContent = message;
  };
  on("status", draw);
  draw();
  return element;
}

function welcome(composer) {
  const persona = state.me?.persona;
  return h(
    "div",
    { class: "welcome" },
    h(
      "div",
      { class: "welcome-stage", "aria-hidden": "true" },
      h("div", { class: "drape drape-left" }),
      h("div", { class: "drape drape-right" }),
      h("div", { class: "valance" }),
      h("img", { src: PORTRAIT, alt: "", class: "welcome-portrait", draggable: "false" }),
    ),
    h("p", { class: "welcome-eyebrow" }, t("welcome_eyebrow")),
    h("p", { class: "welcome-greeting", lang: "ja" }, persona?.greeting ?? t("default_greeting")),
    h(
      "div",
      { class: "starters", role: "group", "aria-label": t("starters_label") },
      ...list("starters").map((text) =>
        h(
          "button",
          { type: "button", class: "starter", lang: "ja", on: { click: () => composer.put(text) } },
          text,
        ),
      ),
    ),
  );
}

function stage() {
  const name = h("p", { class: "plate-name" });
  const reading = h("p", { class: "plate-reading" });
  const draw = () => {
    name.textContent = state.me?.persona.name ?? t("default_name");
    reading.textContent = state.me?.persona.reading ?? "";
  };
  on("me", draw);
  draw();
  const element = h(
    "aside",
    { class: "stage", "aria-label": t("stage_label") },
    h("div", { class: "stars", "aria-hidden": "true" }),
    h("div", { class: "beam", "aria-hidden": "true" }),
    h("img", { class: "stage-portrait", src: PORTRAIT, alt: t("portrait_alt"), draggable: "false" }),
    h("div", { class: "drape drape-left", "aria-hidden": "true" }),
    h("div", { class: "drape drape-right", "aria-hidden": "true" }),
    h("div", { class: "valance", "aria-hidden": "true" }),
    h("div", { class: "boards", "aria-hidden": "true" }, ...lamps()),
    h("div", { class: "plate" }, name, reading),
  );
  const light = () => element.classList.toggle("speaking", activeReply() !== undefined);
  on("status", light);
  on("turn", light);
  return element;
}

function lamps() {
  return Array.from({ length: 7 }, () => h("i", { class: "lamp" }));
}
