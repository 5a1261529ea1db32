// What opens above the page: a question, the first notice, the settings.

import { eraseAll, setConsent } from "./actions.js";
import { api } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { toast } from "./notices.js";
import { state } from "./state.js";
import { language, t, useLanguage } from "./texts.js";

function openDialog(name, title, ...content) {
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
  // The heading is focused, not the first button: no answer is offered before the others.
  dialog.querySelector("[autofocus], .dialog-title").focus();
  return dialog;
}

/** Asks before something that cannot be undone; resolves true only for the `yes` button. */
export function confirmChoice({ title, text, yes }) {
  return new Promise((resolve) => {
    const dialog = openDialog(
      "confirm",
      title,
      h("p", { class: "dialog-text" }, text),
      h(
        "div",
        { class: "dialog-acts" },
        button({ text: t("cancel"), kind: "quiet", autofocus: true, press: () => dialog.close() }),
        button({ text: yes, kind: "danger", press: () => dialog.close("yes") }),
      ),
    );
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}

/** The first-visit notice. Closing it without a choice leaves the choice open: nothing trains. */
export function askConsent() {
  const choose = async (allow) => {
    if (!(await setConsent(allow))) return;
    dialog.close();
    toast(t(allow ? "consent_yes_done" : "consent_no_done"));
  };
  const dialog = openDialog(
    "consent",
    t("consent_title"),
    h("p", { class: "dialog-text" }, t("consent_text")),
    h(
      "ul",
      { class: "dialog-points" },
      h("li", {}, t("consent_point_store")),
      h("li", {}, t("consent_point_choice")),
      h("li", {}, t("consent_point_erase")),
    ),
    h(
      "div",
      { class: "consent-acts" },
      button({ text: t("consent_yes"), kind: "choice", press: () => choose(true) }),
      button({ text: t("consent_no"), kind: "choice", press: () => choose(false) }),
    ),
    button({ text: t("consent_later"), kind: "link", press: () => dialog.close() }),
  );
}

/** The settings; `rebuild` draws the page again in the other language. */
export function openSettings(rebuild) {
  const consent = h("div", {
    class: "setting-choices setting-choices-long",
    role: "radiogroup",
    "aria-label": t("setting_consent"),
  });
  const drawConsent = () => {
    const now = state.me?.visitor.consent;
    fill(consent, consentOption(true, now, drawConsent), consentOption(false, now, drawConsent));
  };
  drawConsent();
  const dialog = openDialog(
    "settings",
    t("settings"),
    button({ label: t("close"), symbol: "close", press: () => dialog.close() }),
    setting(t("setting_language"), null, languageChoices(() => dialog.close(), rebuild)),
    setting(t("setting_consent"), t(consentState()), consent),
    setting(
      t("setting_data"),
      t("setting_data_text"),
      h(
        "a",
        { class: "btn btn-quiet", href: api.exportAllLink(), download: "" },
        icon("save"),
        h("span", {}, t("export_all")),
      ),
    ),
    setting(
      t("setting_erase"),
      t("setting_erase_text"),
      button({ text: t("erase"), symbol: "trash", kind: "danger", press: askErase }),
    ),
    h("p", { class: "dialog-foot" }, t("visitor", { id: state.me?.visitor.id_short ?? "–" })),
  );
  dialog.querySelector(".btn-ghost").classList.add("dialog-close");
}

function consentState() {
  const now = state.me?.visitor.consent;
  return now === null || now === undefined ? "consent_open" : "setting_consent_text";
}

function setting(title, text, control) {
  return h(
    "section",
    { class: "setting" },
    h("h3", {}, title),
    text ? h("p", {}, text) : null,
    control,
  );
}

function consentOption(allow, now, redraw) {
  return h(
    "button",
    {
      type: "button",
      class: "option",
      role: "radio",
      "aria-checked": now === allow ? "true" : "false",
      data: { k: `consent-${allow}` },
      on: {
        click: async () => {
          if (await setConsent(allow)) redraw();
        },
      },
    },
    t(allow ? "consent_yes" : "consent_no"),
  );
}

function languageChoices(close, rebuild) {
  const option = (code, name) =>
    h(
      "button",
      {
        type: "button",
        class: "option",
        role: "radio",
        lang: code,
        "aria-checked": language() === code ? "true" : "false",
        on: {
          click: async () => {
            if (language() !== code) await useLanguage(code);
            close();
            rebuild();
          },
        },
      },
      name,
    );
  return h(
    "div",
    { class: "setting-choices", role: "radiogroup", "aria-label": t("setting_language") },
    option("ja", "日本語"),
    option("en", "English"),
  );
}

async function askErase() {
  const sure = await confirmChoice({
    title: t("erase_title"),
    text: t("erase_text"),
    yes: t("erase_yes"),
  });
  if (sure) await eraseAll();
}
