// Where the visitor writes. Enter sends, unless it confirms a conversion of an input method.

import { say, stopReply } from "./actions.js";
import { button, h, icon } from "../shared/dom.js";
import { activeReply, isBusy, on, state } from "./state.js";
import { t } from "../shared/texts.js";

// Safari ends the composition before the keydown of the same Enter; both come within this time.
const SAME_KEYSTROKE_MS = 80;
const DRAFT = "yogeiko.draft";

/**
 * Watches the input method of a text field. Returns a function that tells whether a keydown
 * belongs to a conversion and must not act.
 */
export function watchConversion(field) {
  let endedAt = -Infinity;
  field.addEventListener("compositionend", (event) => {
    endedAt = event.timeStamp;
  });
  field.addEventListener("keyup", () => {
    endedAt = -Infinity;
  });
  return (event) =>
    event.isComposing ||
    event.keyCode === 229 ||
    event.timeStamp - endedAt < SAME_KEYSTROKE_MS;
}

/** Number of characters as the server counts them: code points, not UTF-16 units. */
export function countCharacters(text) {
  return [...text].length;
}

function fit(field) {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight, 180)}px`;
}

function storeDraft(text) {
  try {
    if (text) sessionStorage.setItem(DRAFT, text);
    else sessionStorage.removeItem(DRAFT);
  } catch {
    // A draft is a convenience.
  }
}

function readDraft() {
  try {
    return sessionStorage.getItem(DRAFT) ?? "";
  } catch {
    return "";
  }
}

/** Returns {element, put, focus}: the composer, a way to put text in it, and to go there. */
export function makeComposer() {
  const limit = () => state.me?.limits.max_chars ?? 2000;
  const hint = h("span", { class: "composer-hint", id: "composer-hint" });
  const count = h("span", { class: "composer-count", role: "status" });
  const field = h("textarea", {
    class: "composer-field",
    id: "composer",
    rows: "1",
    placeholder: t("composer_placeholder"),
    "aria-label": t("composer_label"),
    "aria-describedby": "composer-hint",
    autocomplete: "off",
    data: { k: "composer" },
  });
  const converting = watchConversion(field);

  const tooLong = () => countCharacters(field.value) > limit();
  const ready = () => field.value.trim() !== "" && !tooLong() && !isBusy();

  async function send() {
    if (!ready()) return;
    const text = field.value.trim();
    field.value = "";
    refreshField();
    if (await say(text)) return;
    field.value = field.value ? `${text}\n${field.value}` : text;
    refreshField();
    field.focus();
  }

  function refreshField() {
    fit(field);
    storeDraft(field.value);
    const length = countCharacters(field.value);
    const near = length > limit() * 0.8;
    count.textContent = near ? `${length} / ${limit()}` : "";
    count.classList.toggle("over", tooLong());
    refreshAction();
  }

  // Both buttons stay: one made anew with every piece of a reply could lose the click on it.
  const round = (name, symbol, press) =>
    h(
      "button",
      {
        type: "button",
        class: `round round-${name}`,
        "aria-label": t(name),
        title: t(name),
        on: { click: press },
      },
      icon(symbol),
    );
  const sendButton = round("send", "send", send);
  const stopButton = round("stop", "stop", stopReply);

  function refreshAction() {
    const active = activeReply() !== undefined;
    const held = document.activeElement === sendButton || document.activeElement === stopButton;
    sendButton.hidden = active;
    stopButton.hidden = !active;
    sendButton.disabled = !ready();
    hint.textContent = t(active ? "composer_wait" : "composer_hint");
    if (!held) return;
    if (active) stopButton.focus();
    else if (sendButton.disabled) field.focus();
    else sendButton.focus();
  }

  field.addEventListener("input", refreshField);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
    if (converting(event)) return;
    // A finger's keyboard has no Shift+Enter worth the name: there Enter is a new line.
    if (matchMedia("(hover: none) and (pointer: coarse)").matches && !event.ctrlKey) return;
    event.preventDefault();
    void send();
  });
  on("turn", refreshAction);
  on("conversation", refreshAction);
  on("status", refreshAction);
  on("me", refreshField);

  field.value = readDraft();
  const element = h(
    "div",
    { class: "composer" },
    h("div", { class: "composer-box" }, field, sendButton, stopButton),
    h("div", { class: "composer-foot" }, hint, count),
  );
  refreshField();
  requestAnimationFrame(() => fit(field));
  return {
    element,
    put(text) {
      field.value = text;
      refreshField();
      field.focus();
    },
    focus: () => field.focus(),
  };
}

/** Returns a form to change an own message; `done(text)` resolves true when it was taken. */
export function makeEditor({ text, done, cancel }) {
  const field = h("textarea", {
    class: "editor-field",
    rows: "1",
    "aria-label": t("edit_label"),
    data: { k: "editor" },
  });
  const converting = watchConversion(field);
  const submit = async () => {
    const next = field.value.trim();
    if (!next || countCharacters(next) > (state.me?.limits.max_chars ?? 2000)) return;
    field.disabled = true;
    if (!(await done(next))) field.disabled = false;
  };
  field.value = text;
  field.addEventListener("input", () => fit(field));
  field.addEventListener("keydown", (event) => {
    if (converting(event)) return;
    if (event.key === "Escape") cancel();
    if (event.key !== "Enter" || event.shiftKey || event.altKey) return;
    event.preventDefault();
    void submit();
  });
  requestAnimationFrame(() => {
    fit(field);
    field.focus();
    field.setSelectionRange(text.length, text.length);
  });
  return h(
    "div",
    { class: "editor" },
    field,
    h("p", { class: "editor-note" }, t("edit_note")),
    h(
      "div",
      { class: "editor-acts" },
      button({ text: t("cancel"), kind: "quiet", press: cancel }),
      button({ text: t("edit_send"), kind: "gold", press: submit }),
    ),
  );
}
