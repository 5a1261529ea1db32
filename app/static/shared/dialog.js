// What opens above the page.

import { button, h } from "./dom.js";

/** Opens a dialog; `name` becomes part of its class. It removes itself when it is closed. */
export function openDialog(name, title, ...content) {
  const before = document.activeElement;
  const dialog = h(
    "dialog",
    { class: `dialog dialog-${name}`, "aria-labelledby": `title-${name}` },
    h("h2", { id: `title-${name}`, class: "dialog-title", tabindex: "-1" }, title),
    ...content,
  );
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close("away");
  });
  document.querySelector("#yogeiko").append(dialog);
  dialog.showModal();
  // Where nothing asks for the focus the heading has it: no answer is offered before the others.
  (dialog.querySelector("[autofocus]") ?? dialog.querySelector(".dialog-title")).focus();
  return dialog;
}

/** Asks before something that cannot be undone; resolves true only for the `yes` button. */
export function confirmChoice({ title, text, yes, no }) {
  return new Promise((resolve) => {
    const dialog = openDialog(
      "confirm",
      title,
      h("p", { class: "dialog-text" }, text),
      h(
        "div",
        { class: "dialog-acts" },
        button({ text: no, kind: "quiet", autofocus: true, press: () => dialog.close() }),
        button({ text: yes, kind: "danger", press: () => dialog.close("yes") }),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}
