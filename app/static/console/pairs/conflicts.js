// Conflicts: a visitor's signal against a high score, one at a time.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, chip, emptyState, number, tabs, toast, when } from "../ui.js";
import { keyButton, ownScores, scrollTalks, talk } from "./sides.js";

const PAGE = 100;
const CHOICES = [
  { key: "1", resolution: "visitor" },
  { key: "2", resolution: "evaluator" },
];

/** Opens the conflict queue in `root`. */
export async function openConflicts(root) {
  const queue = new Queue(root);
  await queue.load(false);
  return { keys: queue.keys(), close() {} };
}

class Queue {
  constructor(root) {
    this.root = root;
    this.at = 0;
    this.resolved = false;
    this.last = null;
  }

  async load(resolved) {
    const answer = await get("conflicts", { resolved, limit: PAGE });
    this.resolved = resolved;
    this.conflicts = answer.conflicts;
    this.total = answer.total;
    this.at = Math.min(this.at, Math.max(0, this.conflicts.length - 1));
    this.draw();
  }

  get current() {
    return this.conflicts[this.at] ?? null;
  }

  draw() {
    const one = this.current;
    fill(
      this.root,
      h("p", { class: "soft intro" }, t("pairs.conflicts_intro")),
      h(
        "div",
        { class: "row spread" },
        tabs({
          label: t("pairs.conflicts"),
          value: this.resolved ? "resolved" : "open",
          options: [
            { value: "open", text: t("pairs.conflicts_open"), count: this.resolved ? null : this.total },
            { value: "resolved", text: t("pairs.conflicts_resolved") },
          ],
          change: (value) => void this.turn(value === "resolved"),
        }),
        one ? this.steps() : null,
      ),
      one ? this.desk(one) : this.nothing(),
    );
    scrollTalks(this.root);
  }

  steps() {
    return h(
      "span",
      { class: "row pair-steps" },
      button({ label: t("pairs.key_previous"), symbol: "prev", key: "prev", press: () => this.move(-1) }),
      h("span", { class: "pair-place" }, t("pairs.place", { at: this.at + 1, total: this.total })),
      button({ label: t("pairs.key_next"), symbol: "next", key: "next", press: () => this.move(1) }),
    );
  }

  nothing() {
    return this.resolved
      ? emptyState(t("pairs.conflicts_none_resolved"))
      : emptyState(t("pairs.conflicts_none_title"), t("pairs.conflicts_none_text"));
  }

  desk(one) {
    const signal = t(`pairs.signal_${one.signal}`);
    const top = Math.max(1, Math.round((1 - one.quantile) * 100));
    return h(
      "article",
      { class: "pair-desk conflict-desk", data: { conflict: one.id } },
      talk(one.turns),
      h(
        "section",
        { class: "pair-side conflict-reply" },
        h("p", { class: "said pair-text" }, one.reply.text),
        one.shown
          ? h("p", { class: "conflict-shown" }, h("span", { class: "soft" }, t("pairs.shown_instead")), " ", h("span", { class: "said" }, one.shown))
          : null,
      ),
      h(
        "div",
        { class: "conflict-claims" },
        claim(t("pairs.visitor_says"), t("pairs.visitor_claim", { signal }), one.thumb_reason),
        claim(
          t("pairs.evaluator_says"),
          t("pairs.evaluator_claim", { top }),
          one.reply.reward ? t("pairs.points", { points: number(one.reply.reward.total) }) : null,
        ),
      ),
      one.resolution ? this.settled(one) : this.acts(),
      ownScores(one.reply),
    );
  }

  acts() {
    return h(
      "div",
      { class: "row pair-acts" },
      CHOICES.map(({ key, resolution }) =>
        keyButton({
          text: t(`pairs.right_${resolution}`),
          key,
          kind: "quiet",
          title: t(`pairs.right_${resolution}_hint`),
          press: () => void this.resolve(resolution),
        }),
      ),
      this.last
        ? keyButton({ text: t("pairs.act_undo"), key: "u", kind: "quiet", press: () => void this.undo() })
        : null,
    );
  }

  settled(one) {
    return h(
      "div",
      { class: "row pair-acts" },
      chip(t(`pairs.right_${one.resolution}`), "good"),
      h("span", { class: "soft" }, t("pairs.decided", { name: one.resolved_by, at: when(one.resolved_at) })),
      one.undoable
        ? keyButton({ text: t("pairs.reopen"), key: "u", kind: "quiet", press: () => void this.reopen(one.id) })
        : h("span", { class: "soft" }, t("pairs.conflict_read")),
    );
  }

  move(step) {
    const to = this.at + step;
    if (to < 0 || to >= this.conflicts.length) return;
    this.at = to;
    this.draw();
  }

  async turn(resolved) {
    this.at = 0;
    await attempt(() => this.load(resolved));
  }

  async resolve(resolution) {
    const one = this.current;
    if (!one || one.resolution) return;
    const done = await attempt(() => send("POST", `conflicts/${one.id}/resolve`, { resolution }));
    if (!done) return;
    this.last = one.id;
    toast(t(`pairs.told_${resolution}`), "plain", { text: t("common.undo"), press: () => void this.undo() });
    await attempt(() => this.load(false));
  }

  async undo() {
    if (this.resolved && this.current?.undoable) {
      await this.reopen(this.current.id);
      return;
    }
    if (!this.last) return;
    const id = this.last;
    this.last = null;
    await this.reopen(id);
  }

  async reopen(id) {
    const done = await attempt(() => send("POST", `conflicts/${id}/reopen`));
    if (!done) return;
    toast(t("pairs.told_reopened"));
    await attempt(() => this.load(this.resolved));
  }

  keys() {
    return [
      { keys: ["ArrowLeft", "k"], text: "pairs.key_previous", run: () => this.move(-1) },
      { keys: ["ArrowRight", "j"], text: "pairs.key_next", run: () => this.move(1) },
      ...CHOICES.map(({ key, resolution }) => ({
        keys: [key],
        text: `pairs.right_${resolution}`,
        run: () => void this.resolve(resolution),
      })),
      { keys: ["u"], text: "pairs.act_undo", run: () => void this.undo() },
    ];
  }
}

function claim(who, what, more) {
  return h(
    "section",
    { class: "conflict-claim" },
    h("h3", { class: "pair-small-title" }, who),
    h("p", {}, what),
    more ? h("p", { class: "said soft" }, more) : null,
  );
}
