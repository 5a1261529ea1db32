// The quick verdict and the twelve metrics, 0 to 10; what the evaluators gave, once it may be seen.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { number } from "../ui.js";
import { HIGHEST, VERDICT } from "./draft.js";

const STEPS = Array.from({ length: HIGHEST + 1 }, (_, value) => value);

/** Draws the fields of an entry. `pick(field, value)` sets one, `enter(index)` moves to one. */
export function drawRatings({ entry, metrics, pick, enter }) {
  return h(
    "div",
    { class: "queue-fields" },
    verdictRow(entry, pick, enter),
    metrics.map((metric, index) => metricRow(entry, metric, index + 1, pick, enter)),
  );
}

function row(entry, index, label, ...content) {
  const here = entry.field === index;
  return h(
    "div",
    {
      class: here ? "queue-field is-here" : "queue-field",
      role: "radiogroup",
      "aria-label": label,
      tabindex: here ? "0" : "-1",
      data: { k: `field-${index}`, field: String(index) },
    },
    ...content,
  );
}

function verdictRow(entry, pick, enter) {
  const option = (value, number_, symbol) =>
    h(
      "span",
      { class: "queue-quick" },
      choice({
        key: `verdict-${value}`,
        on: entry.draft.verdict === value,
        label: t(`queue.verdict_${value}`),
        shown: button({ text: t(`queue.verdict_${value}`), symbol }).childNodes,
        press: () => {
          enter(0);
          pick(VERDICT, number_);
        },
      }),
    );
  return row(
    entry,
    0,
    t("queue.verdict"),
    h("span", { class: "queue-metric" }, t("queue.verdict")),
    h("span", { class: "queue-verdicts" }, option("good", 1, "up"), option("bad", 2, "down")),
  );
}

function metricRow(entry, metric, index, pick, enter) {
  const chosen = entry.draft.values[metric.key];
  const given = (entry.scores?.scores ?? []).map((one) => ({
    name: one.evaluator,
    value: one.values[metric.key],
    spread: one.spread[metric.key],
  }));
  const near = new Set(given.map((one) => Math.round(one.value)));
  return row(
    entry,
    index,
    metric.name,
    h(
      "span",
      { class: "queue-metric" },
      metric.name,
      h("span", { class: "queue-item" }, metric.item),
    ),
    h(
      "span",
      { class: "queue-scale" },
      STEPS.map((value) =>
        choice({
          key: `${metric.key}-${value}`,
          on: chosen === value,
          given: near.has(value),
          label: String(value),
          shown: [String(value)],
          press: () => {
            enter(index);
            pick(metric.key, value);
          },
        }),
      ),
    ),
    given.length ? h("span", { class: "queue-given" }, given.map(told)) : null,
  );
}

function told(one, _, all) {
  const name = all.length > 1 ? one.name : t("queue.evaluator");
  const values = { name, value: number(one.value, 1) };
  return h(
    "span",
    {},
    one.spread === undefined
      ? t("queue.given", values)
      : t("queue.given_spread", { ...values, spread: number(one.spread, 1) }),
  );
}

function choice({ key, on, given, label, shown, press }) {
  return h(
    "button",
    {
      type: "button",
      role: "radio",
      class: given ? "queue-step was-given" : "queue-step",
      "aria-checked": on ? "true" : "false",
      "aria-label": label,
      tabindex: "-1",
      data: { k: key },
      on: { click: press },
    },
    ...shown,
  );
}
