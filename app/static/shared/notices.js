// Short words to whoever looks: toasts, and what a screen reader hears.

import { button, h } from "./dom.js";

const TOAST_MS = 6000;
let shelf = null;
let voice = null;

/** Makes the places where notices appear; call once per page. */
export function noticePlaces() {
  shelf = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  voice = h("div", { class: "unseen", "aria-live": "polite", "aria-atomic": "true", id: "voice" });
  return [shelf, voice];
}

/** Shows a notice for some seconds. `kind` "bad" is for what did not work; `action`, {text, press},
 * stays as long as the notice. */
export function toast(message, kind = "plain", action = null) {
  const note = h("p", { class: `toast toast-${kind}` }, message);
  if (action) {
    const act = () => {
      note.remove();
      action.press();
    };
    note.append(button({ text: action.text, kind: "toast", press: act }));
  }
  shelf?.append(note);
  const stays = action ? 2 * TOAST_MS : TOAST_MS;
  setTimeout(() => note.classList.add("leaving"), stays - 300);
  setTimeout(() => note.remove(), stays);
}

/** Has `text` read aloud by a screen reader; nothing is seen. */
export function announce(text) {
  if (voice) voice.textContent = text;
}
