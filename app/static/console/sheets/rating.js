// One item after the other: rank the replies and say how natural each is, by keys alone if wanted.

import { button, fill, h } from "../../shared/dom.js";
import { language, t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { go, stay } from "../place.js";
import { attempt, emptyState, metricName, progressBar, toast } from "../ui.js";

const MOST_NATURAL = 5;

/** Opens the rating of a sheet at `item`, or at the first that is not rated yet. */
export async function openRating(root, sheetId, item) {
  let { sheet, rated } = await get(`sheets/${sheetId}`);
  let now = null;
  // Which mark a digit sets: `fields` in the order of the keys, first all ranks.
  let fields = [];
  let cursor = 0;

  const firstOpen = (after = 0) => {
    const all = Array.from({ length: sheet.items }, (_, at) => at + 1);
    const open = all.filter((one) => !rated.includes(one));
    return open.find((one) => one > after) ?? open[0] ?? null;
  };

  async function load(number) {
    const answer = await attempt(() => get(`sheets/${sheetId}/items/${number}`));
    if (!answer) return;
    now = answer.item;
    fields = [
      ...now.replies.map((reply) => ({ reply, kind: "rank", most: now.replies.length })),
      ...now.replies.map((reply) => ({ reply, kind: "naturalness", most: MOST_NATURAL })),
    ];
    cursor = 0;
    stay({ view: "rate", sheet: sheetId, item: number });
    draw();
    root.firstElementChild?.scrollIntoView({ block: "nearest" });
  }

  function set(at, value) {
    const field = fields[at];
    if (value < 1 || value > field.most || sheet.status !== "ready") return;
    field.reply[field.kind] = value;
    const next = fields.findIndex((one, order) => order > at && one.reply[one.kind] === null);
    cursor = next >= 0 ? next : at;
    draw();
  }

  function turnTo(letter) {
    const own = fields.map((one, at) => [one, at]).filter(([one]) => one.reply.letter === letter);
    if (!own.length) return;
    const [rank, natural] = own.map(([, at]) => at);
    cursor = cursor === rank ? natural : rank;
    draw();
  }

  async function save() {
    if (!now || sheet.status !== "ready") return;
    const open = fields.findIndex((one) => one.reply[one.kind] === null);
    if (open >= 0) {
      cursor = open;
      draw();
      const { reply, kind } = fields[open];
      toast(t(`sheets.lacks_${kind}`, { letter: reply.letter }), "bad");
      return;
    }
    const marks = (kind) => Object.fromEntries(now.replies.map((one) => [one.letter, one[kind]]));
    const body = { ranks: marks("rank"), naturalness: marks("naturalness") };
    const answer = await attempt(() => send("PUT", `sheets/${sheetId}/items/${now.number}`, body));
    if (!answer) return;
    rated = answer.rated;
    const next = firstOpen(now.number);
    if (next === null) done();
    else await load(next);
  }

  function done() {
    now = null;
    const back = button({ text: t("sheets.back"), kind: "gold", press: () => go("sheets") });
    fill(root, head(), emptyState(t("sheets.all_rated"), t("sheets.all_rated_text"), back));
  }

  function move(by) {
    const number = (now?.number ?? sheet.items + 1) + by;
    if (number >= 1 && number <= sheet.items) void load(number);
  }

  function head() {
    return h(
      "div",
      { class: "row spread sheet-head" },
      button({ text: t("sheets.back"), symbol: "prev", kind: "quiet", press: () => go("sheets") }),
      h("strong", {}, sheet.name),
      progressBar(rated.length, sheet.items, t("sheets.mine")),
    );
  }

  function marks(at) {
    const field = fields[at];
    const name = t(`sheets.${field.kind}`);
    return h(
      "div",
      {
        class: "marks",
        role: "radiogroup",
        "aria-label": `${field.reply.letter} ${name}`,
        data: at === cursor ? { cursor: "here" } : {},
      },
      h("span", { class: "marks-name" }, name),
      Array.from({ length: field.most }, (_, order) => order + 1).map((value) =>
        h(
          "button",
          {
            type: "button",
            role: "radio",
            class: "mark",
            "aria-checked": field.reply[field.kind] === value ? "true" : "false",
            disabled: sheet.status !== "ready",
            data: { k: `mark-${at}-${value}` },
            on: { click: () => set(at, value) },
          },
          String(value),
        ),
      ),
    );
  }

  function card(reply, at) {
    return h(
      "article",
      { class: "blind", "aria-label": reply.letter },
      h("h3", { class: "blind-letter" }, reply.letter, reply.version ? h("small", {}, reply.version) : null),
      h("p", { class: "said", lang: "ja" }, reply.text),
      marks(at),
      marks(at + now.replies.length),
    );
  }

  function draw() {
    const sentence = now.sentence[language()] ?? now.sentence.ja;
    fill(
      root,
      head(),
      h(
        "section",
        { class: "panel" },
        h("p", { class: "soft" }, t("sheets.item_of", { n: now.number, of: now.items })),
        h("div", { class: "asked", lang: "ja" }, talk()),
        h(
          "div",
          { class: "sentence" },
          h("span", { class: "chip chip-gold" }, metricName(now.metric)),
          h("p", {}, sentence),
        ),
        h("p", { class: "soft" }, t("sheets.how")),
      ),
      h("div", { class: "blinds" }, now.replies.map(card)),
      h(
        "div",
        { class: "row spread rating-acts" },
        button({ text: t("sheets.before"), kind: "quiet", disabled: now.number === 1, press: () => move(-1) }),
        h("span", { class: "soft" }, t("sheets.keys_short")),
        button({ text: t("sheets.save_next"), kind: "gold", key: "save", press: save }),
      ),
    );
  }

  function talk() {
    const lines = [...now.history, now.question];
    return lines.map((text, at) =>
      h(
        "p",
        { class: at % 2 ? "line line-hers" : "line line-own" },
        h("span", { class: "unseen" }, t(at % 2 ? "sheets.she" : "sheets.you")),
        text,
      ),
    );
  }

  const digits = Array.from({ length: MOST_NATURAL }, (_, order) => String(order + 1));
  const step = (by) => {
    if (!now) return;
    cursor = Math.max(0, Math.min(fields.length - 1, cursor + by));
    draw();
  };
  const keys = [
    { keys: digits, text: "sheets.key_mark", run: (event) => now && set(cursor, Number(event.key)) },
    { keys: ["a", "b", "c"], text: "sheets.key_letter", run: (event) => now && turnTo(event.key.toUpperCase()) },
    { keys: ["ArrowDown"], text: "sheets.key_down", run: () => step(1) },
    { keys: ["ArrowUp"], text: "sheets.key_up", run: () => step(-1) },
    { keys: ["ArrowRight"], text: "sheets.key_next", run: () => move(1) },
    { keys: ["ArrowLeft"], text: "sheets.key_before", run: () => move(-1) },
    { keys: ["Ctrl+Enter"], text: "sheets.save_next", run: save },
    { keys: ["Escape"], text: "sheets.key_back", run: () => go("sheets") },
  ];

  const first = item ?? firstOpen();
  if (first === null) done();
  else await load(first);
  return { keys };
}
