// Words about a reply, below it: what she should have said, what is not true, a note.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";

const ROUTES = ["style", "fact"];

/** Draws the fields that are open. `change(values)` keeps words, `open(part)` opens and focuses. */
export function drawEditor(entry, { change, open }) {
  const { draft, item } = entry;
  return h(
    "div",
    { class: "queue-editor" },
    draft.edit === null ? null : edit(draft, change),
    draft.wrong === null
      ? null
      : words("wrong", draft.wrong, change, { rows: "1", hint: t("queue.wrong_hint") }),
    draft.note === null ? null : words("note", draft.note, change, { rows: "2" }),
    h(
      "div",
      { class: "row queue-tools" },
      tool("edit", "edit", "c", () => open("edit", item.text), draft.edit !== null),
      tool("wrong", "warn", "x", () => open("wrong", ""), draft.wrong !== null),
      tool("note", "log", "n", () => open("note", ""), draft.note !== null),
      button({
        text: t("queue.exclude"),
        symbol: "shield",
        key: "exclude",
        "aria-pressed": draft.exclude ? "true" : "false",
        title: t("queue.exclude_text"),
        press: () => change({ exclude: !draft.exclude }, true),
      }),
    ),
  );
}

function tool(part, symbol, key, press, isOpen) {
  return button({
    text: t(`queue.${part}`),
    symbol,
    key: `tool-${part}`,
    "aria-pressed": isOpen ? "true" : "false",
    title: `${t(`queue.${part}`)} (${key})`,
    press,
  });
}

function edit(draft, change) {
  return h(
    "div",
    { class: "queue-correction" },
    words("edit", draft.edit, change, { rows: "3", hint: t("queue.edit_hint") }),
    h("div", { class: "queue-routes" }, drawRoute(draft, change)),
  );
}

/** Draws whether a correction is of a fact or of style, and which fact would be proposed. */
export function drawRoute(draft, change) {
  const fact = draft.route === "fact" ? draft.routed : null;
  return [
    h(
      "fieldset",
      { class: "row queue-route" },
      h("legend", { class: "soft" }, t("queue.route")),
      ROUTES.map((route) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name: "route",
            value: route,
            checked: draft.route === route,
            data: { k: `route-${route}` },
            on: { change: () => change({ route, chosen: true }, true) },
          }),
          t(`queue.route_${route}`),
        ),
      ),
    ),
    h("p", { class: "soft" }, t(`queue.route_${draft.route}_text`)),
    fact?.text ? h("p", { class: "said" }, t("queue.route_proposes", { fact: fact.text })) : null,
    fact?.replaces ? h("p", { class: "said soft" }, t("queue.route_replaces", { fact: fact.replaces })) : null,
    fact?.agrees ? h("p", { class: "said soft" }, t("queue.route_agrees", { fact: fact.agrees })) : null,
  ];
}

function words(part, value, change, { rows, hint = "" }) {
  const area = h("textarea", {
    class: "area",
    rows,
    lang: "ja",
    maxlength: "1000",
    data: { k: `words-${part}` },
    on: { input: () => change({ [part]: area.value }) },
  });
  area.value = value;
  return h(
    "label",
    { class: "field" },
    h("span", { class: "field-label" }, t(`queue.${part}`)),
    area,
    hint ? h("span", { class: "field-hint" }, hint) : null,
  );
}
