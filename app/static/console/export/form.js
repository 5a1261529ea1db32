// What shall be exported, and in which form.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { go } from "../place.js";
import { filterChips } from "../replies/filter_words.js";
import { toast, field, input, select } from "../ui.js";

const TABLES = ["logs", "scores", "reviews", "pairs"];
const FORMS = ["jsonl", "csv", "hf"];

/**
 * Returns {element, busy(whether), focus()}; `order(body)` is called with what is wanted. `replies`:
 * the filter of the only replies that count, null for all.
 */
export function orderForm({ licence, replies, order }) {
  const tables = TABLES.map((name) => ({ name, box: checkbox(true) }));
  const form = select({ value: "jsonl", options: FORMS.map((one) => ({ value: one, text: t(`export.form_${one}`) })) });
  const since = input({ type: "date" });
  const until = input({ type: "date" });
  const adapter = input({ maxlength: "200", autocomplete: "off", placeholder: t("export.adapter_any") });
  const consented = checkbox(true);
  const pseudonyms = checkbox(true);
  const words = input({ maxlength: "2000", autocomplete: "off", placeholder: licence });
  const begin = button({ text: t("export.start"), symbol: "save", kind: "gold", key: "start", type: "submit" });

  const submit = (event) => {
    event.preventDefault();
    const wanted = tables.filter((one) => one.box.checked).map((one) => one.name);
    if (!wanted.length) {
      toast(t("export.no_table"), "bad");
      return;
    }
    order({
      tables: wanted,
      form: form.value,
      since: since.value || null,
      until: until.value || null,
      adapter: adapter.value.trim() || null,
      consented: consented.checked,
      replies,
      real_ids: !pseudonyms.checked,
      licence: words.value.trim(),
    });
  };

  const element = h(
    "form",
    { class: "order", on: { submit } },
    replies ? onlyThese(replies) : null,
    h(
      "fieldset",
      { class: "choices" },
      h("legend", { class: "field-label" }, t("export.what")),
      tables.map((one) => choice(one.box, t(`export.table_${one.name}`), t(`export.about_${one.name}`))),
    ),
    h(
      "div",
      { class: "grid" },
      field(t("export.form"), form),
      field(t("export.since"), since),
      field(t("export.until"), until),
      field(t("export.adapter"), adapter),
    ),
    h(
      "fieldset",
      { class: "choices" },
      h("legend", { class: "field-label" }, t("export.whose")),
      choice(consented, t("export.only_consented"), t("export.only_consented_hint")),
      choice(pseudonyms, t("export.use_pseudonyms"), t("export.use_pseudonyms_hint")),
    ),
    field(t("export.licence"), words, t("export.licence_hint")),
    h("div", { class: "row" }, begin),
  );
  return {
    element,
    busy: (whether) => {
      begin.disabled = whether;
    },
    focus: () => tables[0].box.focus(),
  };
}

function onlyThese(replies) {
  return h(
    "div",
    { class: "only-these" },
    h("p", { class: "only-title" }, t("export.only_these")),
    h("div", { class: "row" }, filterChips(replies)),
    h("p", { class: "soft" }, t("export.only_these_text")),
    button({ text: t("export.all_replies"), symbol: "close", kind: "quiet", key: "all-replies", press: () => go("export") }),
  );
}

/** A box that is ticked or not. */
export function checkbox(checked) {
  return h("input", { type: "checkbox", checked });
}

/** A box with what it means beside it. */
export function choice(box, text, hint = "") {
  return h(
    "label",
    { class: "choice" },
    box,
    h("span", {}, text, hint ? h("span", { class: "field-hint" }, hint) : null),
  );
}
