// The keyboard: what keys do on a screen, silent while somebody types, and the help behind "?".

import { openDialog } from "../shared/dialog.js";
import { button, h } from "../shared/dom.js";
import { t } from "../shared/texts.js";

const TYPED = "input:not([type=checkbox]):not([type=radio]):not([type=range]), textarea, select";
const PRESSED = "button, a[href], summary, input";
const SHOWN = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  Escape: "Esc",
  " ": "Space",
};

let everywhere = [];
let onScreen = [];
let prefix = null;

/** Sets the keys that work on every screen, and begins to listen. */
export function bindEverywhere(keys) {
  everywhere = keys;
  document.addEventListener("keydown", press);
}

/** Sets the keys of the screen that is open: [{keys: ["j"], text, run}], `text` the key of its words. */
export function bindScreen(keys) {
  // A first key that is waiting for its second outlives the loading of a screen.
  onScreen = keys;
}

/** Whether keys belong to a field or a dialog now; Ctrl+Enter and Escape work all the same. */
export function isTyping(event) {
  const at = event.target;
  return event.isComposing || (at instanceof Element && (at.matches(TYPED) || at.isContentEditable));
}

function press(event) {
  if (event.defaultPrevented || event.altKey) return;
  const name = nameOf(event);
  const free = name === "Ctrl+Enter" || name === "Escape";
  if (isTyping(event) && !free) return;
  if (document.querySelector("#yogeiko dialog[open]")) return;
  if (name === "Enter" && event.target instanceof Element && event.target.matches(PRESSED)) return;
  if (name === "?") {
    event.preventDefault();
    showKeys();
    return;
  }
  const wanted = prefix ? `${prefix} ${name}` : name;
  const all = [...onScreen, ...everywhere];
  const found = all.find((one) => one.keys.includes(wanted));
  prefix = null;
  if (found) {
    event.preventDefault();
    found.run(event);
  } else if (all.some((one) => one.keys.some((key) => key.startsWith(`${name} `)))) {
    prefix = name;
  }
}

function nameOf(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return `Ctrl+${event.key}`;
  if (event.shiftKey && /^Digit\d$/.test(event.code)) return `Shift+${event.code.slice(5)}`;
  return event.shiftKey && event.key.length === 1 && event.key !== "?" ? `Shift+${key}` : key;
}

/** Shows what every key does here. */
export function showKeys() {
  const dialog = openDialog(
    "keys",
    t("common.keys_title"),
    keyList(t("common.keys_screen"), onScreen),
    keyList(t("common.keys_everywhere"), [...everywhere, { keys: ["?"], text: "common.key_help" }]),
    h(
      "div",
      { class: "dialog-acts" },
      button({ text: t("common.close"), kind: "quiet", press: () => dialog.close() }),
    ),
  );
}

function keyList(title, keys) {
  if (!keys.length) return null;
  return h(
    "section",
    { class: "key-list" },
    h("h3", {}, title),
    h(
      "dl",
      {},
      keys.map((one) => [
        h("dt", {}, one.keys.slice(0, 3).map((key) => h("kbd", {}, keyName(key)))),
        h("dd", {}, t(one.text)),
      ]),
    ),
  );
}

function keyName(key) {
  return key
    .split(" ")
    .map((part) => SHOWN[part] ?? part)
    .join(" → ");
}
