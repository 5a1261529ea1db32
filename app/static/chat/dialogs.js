// What opens above the page: a question, the first notice, the settings.

import { eraseAll, setConsent, setDuel } from "./actions.js";
import { api } from "./api.js";
import { confirmChoice, openDialog } from "../shared/dialog.js";
import { button, fill, h, icon } from "../shared/dom.js";
import { toast } from "../shared/notices.js";
import { state } from "./state.js";
import { language, t, useLanguage } from "../shared/texts.js";

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
  const duel = h("div", {
    class: "setting-choices",
    role: "radiogroup",
    "aria-label": t("setting_duel"),
  });
  const drawDuel = () => {
    const now = Boolean(state.me?.visitor.duel);
    fill(duel, duelOption(true, now, drawDuel), duelOption(false, now, drawDuel));
  };
  drawDuel();
  const dialog = openDialog(
    "settings",
    t("settings"),
    button({ label: t("close"), symbol: "close", press: () => dialog.close() }),
    setting(t("setting_language"), null, languageChoices(() => dialog.close(), rebuild)),
    setting(t("setting_consent"), t(consentState()), consent),
    setting(t("setting_duel"), t("setting_duel_text"), duel),
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
  const choose = async () => {
    if (await setConsent(allow)) redraw();
  };
  return radio(`consent-${allow}`, now === allow, t(allow ? "consent_yes" : "consent_no"), choose);
}

function duelOption(allow, now, redraw) {
  const choose = async () => {
    if (await setDuel(allow)) redraw();
  };
  return radio(`duel-${allow}`, now === allow, t(allow ? "duel_yes" : "duel_no"), choose);
}

function radio(key, chosen, text, choose) {
  return h(
    "button",
    {
      type: "button",
      class: "option",
      role: "radio",
      "aria-checked": chosen ? "true" : "false",
      data: { k: key },
      on: { click: choose },
    },
    text,
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
    no: t("cancel"),
    title: t("erase_title"),
    text: t("erase_text"),
    yes: t("erase_yes"),
  });
  if (sure) await eraseAll();
}
