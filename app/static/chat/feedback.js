// Thumbs, with a reason. A reason is kept as "[tag][tag] free words", which reads the same in
// every language of the page and to operators.

import { setFeedback } from "./actions.js";
import { button, h, icon } from "../shared/dom.js";
import { watchConversion } from "./composer.js";
import { t } from "../shared/texts.js";

const TAGS = {
  up: ["voice", "funny", "kind", "correct", "topic"],
  down: ["voice", "wrong", "off_topic", "dull", "long", "unpleasant"],
};
const MAX_WORDS = 200;

/** Splits a stored reason into its tags and free words. */
export function readReason(reason) {
  const [, tags, words] = /^((?:\[[a-z_]+\])*)\s*([\s\S]*)$/.exec(reason ?? "");
  return { tags: [...tags.matchAll(/\[([a-z_]+)\]/g)].map((match) => match[1]), words };
}

/** The opposite of `readReason`; null when there is nothing to say. */
export function writeReason({ tags, words }) {
  const text = `${tags.map((tag) => `[${tag}]`).join("")} ${words.trim()}`.trim();
  return text || null;
}

/** Returns the two thumbs of a finished reply. `opened(open)` asks for the reasons below. */
export function thumbs(reply, opened) {
  const thumb = (kind) =>
    button({
      label: t(`thumb_${kind}`),
      symbol: kind,
      key: `${kind}-${reply.id}`,
      "aria-pressed": reply.thumb === kind ? "true" : "false",
      press: async () => {
        const next = reply.thumb === kind ? null : kind;
        opened(next !== null);
        await setFeedback(reply.id, next, null);
      },
    });
  return [thumb("up"), thumb("down")];
}

/**
 * Returns the reasons a visitor can give; every choice is kept at once. `draft` ({words}) holds
 * what is being written, across redraws; null means nothing yet.
 */
export function reasons(reply, draft, close) {
  const now = readReason(reply.reason);
  const keep = (next) => setFeedback(reply.id, reply.thumb, writeReason(next));
  const chips = TAGS[reply.thumb].map((tag) => {
    const chosen = now.tags.includes(tag);
    return h(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-pressed": chosen ? "true" : "false",
        data: { k: `tag-${tag}-${reply.id}` },
        on: {
          click: () =>
            keep({
              tags: chosen ? now.tags.filter((each) => each !== tag) : [...now.tags, tag],
              words: words.value,
            }),
        },
      },
      chosen ? icon("check") : null,
      t(`tag_${reply.thumb}_${tag}`),
    );
  });
  const words = h("input", {
    class: "reason-words",
    type: "text",
    maxlength: String(MAX_WORDS),
    placeholder: t("reason_words"),
    "aria-label": t("reason_words"),
    autocomplete: "off",
    data: { k: `words-${reply.id}` },
  });
  words.value = draft.words ?? now.words;
  words.addEventListener("input", () => {
    draft.words = words.value;
  });
  const converting = watchConversion(words);
  const finish = async () => {
    draft.words = null;
    await keep({ tags: now.tags, words: words.value });
    close();
  };
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !converting(event)) {
      event.preventDefault();
      void finish();
    }
  });
  return h(
    "div",
    { class: "reasons", role: "group", "aria-label": t(`reasons_${reply.thumb}`) },
    h("p", { class: "reasons-title" }, t(`reasons_${reply.thumb}`)),
    h("div", { class: "chips" }, ...chips),
    h(
      "div",
      { class: "reasons-row" },
      words,
      button({ text: t("reason_done"), kind: "gold", key: `done-${reply.id}`, press: finish }),
    ),
  );
}

/** Returns what was said about a reply, as a line under it, or null. */
export function reasonLine(reply) {
  const { tags, words } = readReason(reply.reason);
  const parts = tags.map((tag) => t(`tag_${reply.thumb}_${tag}`));
  if (words) parts.push(words);
  return parts.length ? h("p", { class: "reason-line" }, parts.join(t("separator"))) : null;
}
