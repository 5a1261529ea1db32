// How far the evaluator agrees with people, metric by metric; opening one shows what is behind it.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { go } from "../place.js";
import { chip, emptyState, field, metricName, number, panel, select, when } from "../ui.js";
import { openMetric } from "./metric.js";
import { fates, intervals, scale, sparkline, weightBar } from "./pictures.js";

/** Opens all metrics, or the one that the address names. */
export async function open(root, { query }) {
  const asked = { evaluator: query.get("evaluator") ?? "" };
  const metric = query.get("metric");
  if (metric) return openMetric(root, { metric, asked });
  const report = await get("agreement", asked);

  const keys = report.metrics.map((one) => one.metric);
  const show = (one) => go("agreement", { ...asked, metric: one.metric });
  fill(root, ...overview(report, asked, show));
  const step = (by) => {
    const rows = [...root.querySelectorAll("tr[data-row]")];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    rows[(at + by + rows.length + (at < 0 && by < 0 ? 1 : 0)) % rows.length].focus();
  };
  return {
    keys: [
      { keys: ["ArrowDown", "j"], text: "agreement.key_metric", run: () => step(1) },
      { keys: ["ArrowUp", "k"], text: "agreement.key_metric", run: () => step(-1) },
      {
        keys: ["ArrowRight"],
        text: "agreement.key_open",
        run: () => {
          const row = document.activeElement?.closest?.("tr[data-row]");
          show({ metric: row?.dataset.row ?? keys[0] });
        },
      },
    ],
  };
}

function overview(report, asked, show) {
  const rated = report.metrics.some(
    (one) => one.evaluator_people.ratings || one.people_people.ratings,
  );
  const head = h(
    "div",
    { class: "row spread intro" },
    h("p", { class: "soft lead" }, t("agreement.intro")),
    chooser(report, asked),
  );
  if (!rated) {
    const start = button({ text: t("agreement.to_queue"), kind: "gold", press: () => go("queue") });
    return [head, emptyState(t("agreement.empty_title"), t("agreement.empty_text"), start)];
  }
  return [
    head,
    alarm(report),
    table(report, show),
    h("div", { class: "beneath" }, pairing(report), reading(report)),
  ];
}

function chooser(report, asked) {
  const scored = Object.entries(report.evaluators);
  const options = scored.map(([name, n]) => ({
    value: name,
    text: t("agreement.evaluator_option", { name, n }),
  }));
  if (!(report.evaluator in report.evaluators)) {
    const text = asked.evaluator
      ? report.evaluator
      : t("agreement.evaluator_night", { name: report.evaluator });
    options.unshift({ value: report.evaluator, text });
  }
  const control = select({
    value: report.evaluator,
    options,
    change: (evaluator) => go("agreement", { evaluator }),
  });
  return field(t("agreement.evaluator"), control);
}

function alarm(report) {
  const fallen = (part) =>
    report.metrics.filter((one) => one[part].verdict === "fallen").map((one) => metricName(one.metric));
  const evaluator = fallen("drift");
  const people = fallen("people_drift");
  const line = (key, names) =>
    names.length ? h("p", {}, t(key, { names: names.join("・") })) : null;
  const bad = evaluator.length || people.length;
  return h(
    "div",
    { class: `notice ${bad ? "notice-bad" : "notice-calm"}`, role: bad ? "alert" : "status" },
    bad ? null : h("p", {}, t("agreement.calm")),
    line("agreement.alarm", evaluator),
    line("agreement.alarm_people", people),
    bad ? h("p", { class: "soft" }, t("agreement.alarm_hint")) : null,
  );
}

function table(report, show) {
  const titles = ["metric", "agreement", "trend", "offset", "weight", "notes"];
  const row = (one) =>
    h(
      "tr",
      {
        tabindex: "0",
        data: { k: `row-${one.metric}`, row: one.metric },
        on: {
          click: () => show(one),
          keydown: (event) => {
            if (event.key === "Enter") show(one);
          },
        },
      },
      h("th", { scope: "row", class: "metric" }, metricName(one.metric)),
      h("td", {}, intervals(one)),
      h("td", {}, sparkline(one)),
      h("td", { class: "at-number" }, signed(one.evaluator_people.offset?.value)),
      h("td", {}, weightBar(one.weight)),
      h("td", {}, h("span", { class: "notes" }, notes(one))),
    );
  return h(
    "div",
    { class: "table-frame" },
    h(
      "table",
      { class: "table" },
      h("caption", { class: "unseen" }, t("agreement.title")),
      h("thead", {}, h("tr", {}, titles.map((key) => h("th", { scope: "col" }, t(`agreement.${key}`), key === "agreement" ? scale() : null)))),
      h("tbody", {}, report.metrics.map(row)),
    ),
  );
}

/** A number with its sign, "–" for none. */
function signed(value) {
  if (value === null || value === undefined) return "–";
  const rounded = Math.round(10 * value) / 10 || 0;
  return `${rounded > 0 ? "+" : ""}${number(rounded, 1)}`;
}

function notes(one) {
  const found = [];
  const { evaluator_people: own, people_people: people } = one;
  if (one.drift.verdict === "fallen") found.push(chip(t("agreement.fallen"), "bad"));
  if (one.people_drift.verdict === "fallen") found.push(chip(t("agreement.people_fallen"), "warn"));
  if (one.reviews_missing > 0) {
    found.push(chip(t("agreement.need_more", { n: one.reviews_missing })));
  }
  if (one.share === null) found.push(chip(t("agreement.left_out")));
  else if (one.weight === 0) found.push(chip(t("agreement.zero"), "bad"));
  if (own.offset && own.offset.high < -1) found.push(chip(t("agreement.strict"), "warn"));
  if (own.offset && own.offset.low > 1) found.push(chip(t("agreement.mild"), "warn"));
  if (own.kappa && people.kappa && own.kappa.value >= people.kappa.low && own.kappa.low > 0) {
    found.push(chip(t("agreement.as_people"), "good"));
  }
  return found;
}

function pairing(report) {
  const { night, pairs } = report.pairing;
  if (!night || !pairs) {
    return panel(t("agreement.pairing_title"), h("p", { class: "soft" }, t("agreement.pairing_none")));
  }
  return panel(
    t("agreement.pairing_title"),
    h("p", {}, t("agreement.pairing", { night, n: pairs })),
    fates(report.pairing),
    h("p", { class: "soft" }, t("agreement.pairing_hint")),
  );
}

function reading(report) {
  const { window_reviews: window, full_kappa: full, few_reviews: few, prior } = report.rules;
  return panel(
    t("agreement.read_title"),
    h(
      "ul",
      { class: "reading" },
      h("li", {}, t("agreement.read_kappa")),
      h("li", {}, t("agreement.read_yardstick")),
      h("li", {}, t("agreement.read_interval")),
      h("li", {}, t("agreement.read_weight", { window, full, few, prior })),
      report.learnt_until
        ? h("li", {}, t("agreement.learnt", { when: when(report.learnt_until) }))
        : null,
    ),
  );
}
