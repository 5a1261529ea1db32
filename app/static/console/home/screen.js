// The morning: last night in a sentence, what waits, what is on stage, what alarmed.

import { fill, h, icon } from "../../shared/dom.js";
import { addTexts, dayOf, language, t } from "../../shared/texts.js";
import { get } from "../api.js";
import { statusMark } from "../nights/calendar.js";
import { figure } from "../nights/gates.js";
import { hashOf } from "../place.js";
import { attempt, count, metricName, number, when } from "../ui.js";
import { who } from "../versions/history.js";
import { wordsOf } from "../words.js";

const OFTEN_MS = 60_000;

/** Opens the morning. */
export async function open(root) {
  await Promise.all([addTexts(wordsOf("nights")), addTexts(wordsOf("versions"))]);
  const place = h("div", { class: "morning" });
  root.append(place);
  let more = { queue: null, fallen: [] };
  const draw = (answer) =>
    fill(
      place,
      lastNight(answer),
      waiting(answer.waiting, more.queue),
      production(answer.production),
      alarms(answer.alarms, more.fallen),
    );
  // What has to be measured comes a moment later and keeps nobody waiting.
  const measure = async (answer) => {
    const [queue, agreement] = await Promise.all([attempt(() => get("queue")), attempt(() => get("home/agreement"))]);
    more = { queue: queue ?? more.queue, fallen: agreement?.fallen ?? more.fallen };
    draw(answer);
  };
  const load = async () => {
    const answer = await attempt(() => get("home"));
    if (answer) await measure(answer);
  };
  const first = await get("home");
  draw(first);
  void measure(first);
  const timer = setInterval(() => void load(), OFTEN_MS);
  return { keys: [], close: () => clearInterval(timer) };
}

function card(kind, title, link, ...content) {
  return h(
    "section",
    { class: `panel card card-${kind}` },
    h("h2", { class: "panel-title" }, title),
    ...content,
    link ? h("p", { class: "card-link" }, h("a", { href: link.href }, link.text, icon("next"))) : null,
  );
}

function lastNight({ night, running, next_at: next }) {
  const lines = [];
  if (running.night) {
    lines.push(
      h("p", { class: "card-lead" }, t("home.running", { date: dayOf(running.night) })),
      running.progress
        ? h("p", { class: "soft" }, t("home.running_step", { at: running.progress.position, of: running.progress.steps }))
        : null,
    );
  }
  if (night) {
    lines.push(
      h("p", { class: "row" }, h("strong", {}, t("nights.night_of", { date: dayOf(night.date) })), statusMark(night.status)),
      h("p", { class: "card-lead" }, t(`nights.lead_${night.status}`)),
      h(
        "p",
        { class: "soft" },
        t("home.night_counts", {
          turns: count(night.turns),
          pairs: count(night.pairs),
          trained: count(night.trained),
          passed: count(night.gates - night.failed_gates),
          gates: count(night.gates),
        }),
      ),
    );
  } else lines.push(h("p", {}, t("nights.none")));
  if (next) lines.push(h("p", { class: "soft" }, t("nights.next", { at: when(next) })));
  const link = night ? { href: hashOf("nights", { date: night.date }), text: t("home.to_report") } : null;
  return card("night", t("home.last_night"), link, ...lines);
}

function waiting({ pairs, deadline, conflicts, proposals }, queue) {
  const replies = queue?.left ?? null;
  const rows = [
    [replies, t("home.replies"), hashOf("queue"), queue?.today ? t("home.reviewed_today", { n: count(queue.today) }) : ""],
    [pairs, t("home.pairs"), hashOf("pairs"), deadline ? t("home.until", { at: when(deadline) }) : ""],
    [conflicts, t("home.conflicts"), hashOf("replies", { conflict: "true" }), t("home.conflicts_note")],
    [proposals, t("home.proposals"), hashOf("facts"), ""],
  ];
  const all = replies !== 0 || pairs + conflicts + proposals;
  return card(
    "waiting",
    t("home.waiting"),
    { href: hashOf("queue"), text: t("home.to_queue") },
    all ? null : h("p", { class: "card-lead" }, t("home.nothing_waits")),
    h(
      "ul",
      { class: "waits" },
      rows.map(([number, name, href, note]) =>
        h(
          "li",
          {},
          h("a", { href, class: number ? "wait" : "wait wait-none" }, h("strong", { class: "wait-count" }, number === null ? "…" : count(number)), h("span", {}, name)),
          note && number ? h("small", { class: "soft" }, note) : null,
        ),
      ),
    ),
  );
}

function production({ adapter, since, who: by, why }) {
  return card(
    "stage",
    t("versions.on_stage"),
    { href: hashOf("versions"), text: t("home.to_versions") },
    h("p", { class: "card-lead stage-name" }, adapter ?? t("versions.bare")),
    since ? h("p", {}, t("versions.since", { at: when(since), who: who(by) })) : null,
    why ? h("p", { class: "soft said" }, why) : null,
  );
}

function alarms({ safety, safety_before: before, taken_back: back, tainted, drift }, fallen) {
  const caught = Object.values(safety).reduce((sum, one) => sum + one, 0);
  const lines = [
    back ? ["warn", t("home.taken_back", { n: count(back) })] : null,
    tainted ? ["warn", t("home.tainted", { n: count(tainted) })] : null,
    ...drift.map((gate) => [
      gate.passed ? "chart" : "warn",
      t("home.drift", { name: gate.name, value: figure(gate.value), bound: figure(gate.bound), low: figure(gate.low), high: figure(gate.high) }),
    ]),
    ...fallen.map((one) => ["warn", fallenLine(one)]),
    caught ? ["shield", t("home.safety", { n: count(caught), before: count(before) })] : null,
  ].filter(Boolean);
  const link = caught ? { href: hashOf("replies", { safety: "true" }), text: t("home.to_safety") } : null;
  return card(
    "alarms",
    t("home.alarms"),
    link,
    lines.length
      ? h("ul", { class: "alarm-list" }, lines.map(([symbol, text]) => h("li", {}, icon(symbol), h("span", {}, text))))
      : h("p", { class: "card-lead" }, t("home.no_alarms")),
    caught ? h("p", { class: "soft" }, categories(safety)) : null,
  );
}

function fallenLine({ metric, with: side, before, newest }) {
  const estimate = (one) => `${number(one.value)} [${number(one.low)}, ${number(one.high)}]`;
  const text = t(`home.fallen_${side}`, { name: metricName(metric), before: estimate(before), newest: estimate(newest) });
  return h("a", { href: hashOf("agreement", { metric }) }, text);
}

function categories(safety) {
  const names = Object.entries(safety).map(([category, number]) => `${categoryName(category)} ${count(number)}`);
  return names.join(language() === "ja" ? "、" : ", ");
}

function categoryName(category) {
  const key = `home.category_${category}`;
  const known = t(key);
  return known === key ? category.replaceAll("_", " ") : known;
}
