// Short words to the visitor: toasts, what a screen reader hears, and the banner above the stage.

import { h } from "./dom.js";

const TOAST_MS = 6000;
let shelf = null;
let voice = null;

/** Makes the places where notices appear; call once per page. */
export function noticePlaces() {
  shelf = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  voice = h("div", { class: "unseen", "aria-live": "polite", "aria-atomic": "true", id: "voice" });
  return [shelf, voice];
}

/** Shows a notice for some seconds. `kind` "bad" is for what did not work. */
export function toast(message, kind = "plain") {
  const note = h("p", { class: `toast toast-${kind}` }, message);
  shelf?.append(note);
  setTimeout(() => note.classList.add("leaving"), TOAST_MS - 300);
  setTimeout(() => note.remove(), TOAST_MS);
}

/** Has `text` read aloud by a screen reader; nothing is seen. */
export function announce(text) {
  if (voice) voice.textContent = text;
}
