// The dialog that makes a sheet.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, field, input, metricName, openDialog, select, toast } from "../ui.js";

const PLACES = ["baseline", "second", "third"];
const USUAL_PROMPTS = 8;

/** Asks what to make; resolves to the sheet being made, or null. */
export async function askForSheet() {
  const offered = await attempt(() => get("sheets/choices"));
  return offered && new Promise((resolve) => ask(offered, resolve));
}

function ask(offered, resolve) {
  const name = input({ maxlength: "80", required: true, autofocus: true, autocomplete: "off" });
  const versions = PLACES.map((place, at) => versionSelect(offered, at));
  const boxes = offered.metrics.map((key) => {
    const box = h("input", { type: "checkbox", value: key, checked: true, on: { change: tell } });
    return { box, label: h("label", { class: "metric-box" }, box, metricName(key)) };
  });
  const prompts = input({
    type: "number",
    min: "1",
    max: String(offered.prompts),
    value: String(Math.min(USUAL_PROMPTS, offered.prompts)),
    on: { input: tell },
  });
  const total = h("p", { class: "soft", role: "status" });
  const chosen = () => boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
  const voices = () => versions.map((one) => one.value).filter(Boolean);

  function tell() {
    const items = chosen().length * Number(prompts.value);
    const replies = Math.min(items, offered.prompts) * voices().length;
    total.textContent = t("sheets.total", { items, replies });
  }
  for (const one of versions) one.addEventListener("change", tell);
  tell();

  let made = null;
  const save = async (event) => {
    event.preventDefault();
    const body = {
      name: name.value.trim(),
      versions: voices(),
      metrics: chosen(),
      prompts: Number(prompts.value),
    };
    const answer = await attempt(() => send("POST", "sheets", body));
    if (!answer) return;
    made = answer.sheet;
    toast(t("sheets.making_begun"));
    dialog.close();
  };
  const dialog = openDialog(
    "sheet",
    t("sheets.make"),
    h(
      "form",
      { class: "sheet-form", on: { submit: save } },
      field(t("sheets.name"), name, t("sheets.name_hint")),
      h(
        "div",
        { class: "sheet-versions" },
        versions.map((one, at) => field(t(`sheets.version_${PLACES[at]}`), one)),
      ),
      h(
        "fieldset",
        { class: "metric-boxes" },
        h("legend", { class: "field-label" }, t("sheets.metrics")),
        boxes.map(({ label }) => label),
      ),
      field(t("sheets.prompts"), prompts, t("sheets.prompts_hint", { most: offered.prompts })),
      total,
      h(
        "div",
        { class: "dialog-acts" },
        button({ text: t("common.cancel"), kind: "quiet", press: () => dialog.close() }),
        h("button", { type: "submit", class: "btn btn-gold" }, t("sheets.make")),
      ),
    ),
  );
  dialog.addEventListener("close", () => resolve(made));
}

function versionSelect(offered, at) {
  const options = offered.versions.map((one) => ({
    value: one.id,
    text: one.id === "base" ? t("sheets.base") : one.active ? `${one.id}${t("sheets.active")}` : one.id,
  }));
  if (at === 2) options.unshift({ value: "", text: t("sheets.no_third") });
  const usual = at === 0 ? "base" : offered.versions.find((one) => one.id !== "base")?.id;
  return select({ options, value: at === 2 ? "" : (usual ?? "base") });
}
