// One pair: the talk before it, both replies side by side, their scores, and what was done to it.

import { button, h, icon } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { chip, metricName, number, when } from "../ui.js";
import { difference, marked } from "./difference.js";

const HIGHEST = 10;
const STATUS_KIND = { proposed: "plain", approved: "good", flipped: "gold", vetoed: "bad" };

/** Returns {taught, other} of a pair as it stands: a flipped one teaches what was rejected. */
export function sidesOf(pair) {
  return pair.status === "flipped"
    ? { taught: pair.rejected, other: pair.chosen }
    : { taught: pair.chosen, other: pair.rejected };
}

/** A chip with what was decided. */
export function statusChip(pair) {
  return chip(t(`pairs.status_${pair.status}`), STATUS_KIND[pair.status]);
}

/** Whether the text of a pair is an operator's own. */
export function isEdited(pair) {
  return pair.history.some((one) => one.kind === "edit" && !one.taken_back);
}

/** The line above a pair: where it comes from and how sure the evaluator is. */
export function facts(pair) {
  const learnt = pair.receipts.filter((one) => one.deployed).at(-1) ?? pair.receipts.at(-1);
  return h(
    "p",
    { class: "row pair-facts" },
    statusChip(pair),
    isEdited(pair) ? chip(t("pairs.edited"), "gold") : null,
    chip(t(`pairs.source_${pair.source}`), "plain", t("pairs.source_hint")),
    figure("margin", pair.margin),
    figure("disagreement", pair.disagreement),
    learnt
      ? chip(t("pairs.learnt", { day: dayOf(learnt.date) }), "plain", learnt.adapter)
      : null,
    pair.decided_by
      ? h("span", { class: "soft" }, t("pairs.decided", { name: pair.decided_by, at: when(pair.decided_at) }))
      : null,
  );
}

function figure(name, value) {
  return h(
    "span",
    { class: "pair-figure", title: t(`pairs.${name}_hint`) },
    t(`pairs.${name}`),
    " ",
    h("strong", {}, number(value)),
  );
}

/** The talk before the reply; the last line is what is answered. */
export function talk(turns) {
  return h(
    "ol",
    { class: "pair-talk", "aria-label": t("pairs.talk") },
    turns.map(([role, text], at) =>
      h(
        "li",
        { class: `pair-line pair-${role}${at === turns.length - 1 ? " pair-asked" : ""}` },
        h("span", { class: "pair-who" }, t(`pairs.who_${role}`)),
        h("span", { class: "said" }, text),
      ),
    ),
  );
}

/** Shows the end of every talk in `root`: what is answered stands there. */
export function scrollTalks(root) {
  for (const one of root.querySelectorAll(".pair-talk")) one.scrollTop = one.scrollHeight;
}

/** Both replies, what differs marked; `editor`, an element, takes the place of the taught text. */
export function sides(pair, editor = null) {
  const { taught, other } = sidesOf(pair);
  const found = editor ? null : difference(other.text, taught.text);
  return h(
    "div",
    { class: "pair-sides" },
    side("taught", taught, editor ?? text(found ? marked(found.after, "ins") : taught.text)),
    side("other", other, text(found ? marked(found.before, "del") : other.text)),
    found || editor ? null : h("p", { class: "soft pair-unlike" }, t("pairs.unlike")),
  );
}

function side(kind, option, content) {
  return h(
    "section",
    { class: `pair-side pair-${kind}` },
    h(
      "h3",
      { class: "pair-side-title" },
      icon(kind === "taught" ? "check" : "close"),
      t(`pairs.${kind}`),
      option.reward
        ? h("span", { class: "pair-total" }, t("pairs.points", { points: number(option.reward.total) }))
        : null,
    ),
    content,
    guards(option),
  );
}

function text(content) {
  return h("p", { class: "said pair-text", lang: "ja" }, content);
}

function guards(option) {
  const costly = Object.entries(option.reward?.guards ?? {}).filter(([, one]) => one.points >= 0.05);
  if (!costly.length) return null;
  return h(
    "p",
    { class: "row pair-guards" },
    costly.map(([name, one]) =>
      chip(
        t("pairs.guard", { name: t(`pairs.guard_${name}`), points: number(one.points, 1) }),
        "warn",
        one.note || null,
      ),
    ),
  );
}

/** The twelve scores of both replies, on one axis each way. */
export function scores(pair) {
  const { taught, other } = sidesOf(pair);
  const known = taught.scores ?? other.scores;
  if (!known) return h("p", { class: "soft" }, t("pairs.unscored"));
  return h(
    "section",
    { class: "pair-scores" },
    h(
      "div",
      { class: "pair-score pair-score-head", "aria-hidden": "true" },
      h("span", {}, t("pairs.taught")),
      h("span", {}, t("pairs.scores")),
      h("span", {}, t("pairs.other")),
    ),
    Object.keys(known).map((key) => score(key, taught, other)),
    taught.scores && other.scores ? null : h("p", { class: "soft" }, t("pairs.unscored_side")),
  );
}

function score(key, taught, other) {
  const mine = taught.scores?.[key];
  const theirs = other.scores?.[key];
  const trusted = isTrusted(key, taught.reward ? taught : other);
  const told = t("pairs.score_label", {
    name: metricName(key),
    taught: number(mine, 1),
    other: number(theirs, 1),
  });
  return h(
    "div",
    {
      class: `pair-score${trusted ? "" : " pair-score-off"}`,
      role: "img",
      "aria-label": told,
      title: trusted ? null : t("pairs.no_trust"),
    },
    bar(mine, "left", mine > theirs),
    h("span", { class: "pair-score-name" }, metricName(key)),
    bar(theirs, "right", theirs > mine),
  );
}

/** The twelve scores of one reply. */
export function ownScores(option) {
  if (!option.scores) return null;
  return h(
    "section",
    { class: "conflict-scores", "aria-label": t("pairs.scores") },
    Object.entries(option.scores).map(([key, value]) =>
      h(
        "div",
        {
          class: `pair-score${isTrusted(key, option) ? "" : " pair-score-off"}`,
          role: "img",
          "aria-label": `${metricName(key)} ${number(value, 1)}`,
        },
        h("span", { class: "pair-score-name" }, metricName(key)),
        bar(value, "right", true),
      ),
    ),
  );
}

function isTrusted(key, option) {
  return (option.reward?.metrics[key]?.trust ?? 1) > 0;
}

function bar(value, way, ahead) {
  const width = value === undefined ? 0 : Math.max(0, Math.min(1, value / HIGHEST)) * 100;
  const filled = h("i", { class: "pair-bar-fill" });
  filled.style.width = `${width}%`;
  return h(
    "span",
    { class: `pair-bar pair-bar-${way}${ahead ? " pair-ahead" : ""}` },
    h("span", { class: "pair-bar-value" }, number(value, 1)),
    h("span", { class: "pair-bar-track" }, filled),
  );
}

/** A pair as a line of the list. */
export function entry(pair, here, press) {
  return h(
    "li",
    {},
    h(
      "button",
      {
        type: "button",
        class: "pair-entry",
        "aria-current": here ? "true" : null,
        data: { k: `pair-${pair.id}` },
        on: { click: press },
      },
      h("span", { class: "pair-entry-said" }, sidesOf(pair).taught.text),
      h(
        "span",
        { class: "row" },
        statusChip(pair),
        h("span", { class: "soft" }, `${t("pairs.disagreement")} ${number(pair.disagreement)}`),
      ),
    ),
  );
}

/** What operators did to a pair, the newest first. */
export function history(pair) {
  if (!pair.history.length) return null;
  return h(
    "section",
    { class: "pair-history" },
    h("h3", { class: "pair-small-title" }, t("pairs.history")),
    h(
      "ul",
      {},
      [...pair.history].reverse().map((one) =>
        h(
          "li",
          { class: one.taken_back ? "pair-taken-back" : null },
          h("span", { class: "soft" }, when(one.at)),
          h("strong", {}, one.operator),
          h("span", {}, deed(one)),
          one.note ? h("span", { class: "said pair-note" }, one.note) : null,
        ),
      ),
    ),
  );
}

function deed(one) {
  if (one.takes_back) return t("pairs.deed_undo");
  if (one.kind === "note") return t("pairs.deed_note");
  if (one.kind === "edit") return t("pairs.deed_edit");
  const what = t(`pairs.deed_${one.text}`);
  return one.bulk ? t("pairs.deed_bulk", { what }) : what;
}

/** A button that shows its key. */
export function keyButton({ text: words, key, kind, press, symbol, ...rest }) {
  const made = button({ text: words, kind, press, symbol, key: `act-${key}`, ...rest });
  made.append(h("kbd", { "aria-hidden": "true" }, key));
  return made;
}
