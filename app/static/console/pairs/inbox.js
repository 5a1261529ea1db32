// Tonight's pairs, one at a time, decided by key.

import { button, fill, h } from "../../shared/dom.js";
import { announce } from "../../shared/notices.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { stay } from "../place.js";
import { attempt, emptyState, errorState, toast } from "../ui.js";
import { approveFound, undoFound } from "./bulk.js";
import { filterBar } from "./inbox_filter.js";
import { inboxHead } from "./inbox_head.js";
import { pairList } from "./inbox_list.js";
import { entry, facts, history, keyButton, scores, scrollTalks, sides, sidesOf, talk } from "./sides.js";

const TICK_MS = 15_000;
const VERDICTS = [
  { key: "a", verdict: "approved", kind: "gold" },
  { key: "f", verdict: "flipped", kind: "quiet" },
  { key: "v", verdict: "vetoed", kind: "danger" },
];

/** Opens the inbox in `root`. */
export async function openInbox(root, place) {
  const inbox = new Inbox(root, place.query);
  await inbox.load(place.query.get("pair"));
  const clock = setInterval(() => inbox.head.tick(), TICK_MS);
  return { keys: inbox.keys(), close: () => clearInterval(clock) };
}

class Inbox {
  constructor(root, query) {
    this.head = inboxHead();
    this.filterPlace = h("div");
    this.body = h("div", { class: "pair-body" });
    this.notes = new Map();
    this.editing = null;
    this.bulk = null;
    this.busy = false;
    this.list = pairList({
      night: query.get("night") ?? "newest",
      status: (query.get("status") ?? "proposed").replace("all", ""),
      source: query.get("source") ?? "",
      margin_above: query.get("margin_above") ?? "",
    });
    root.append(this.head.element, this.filterPlace, this.body);
  }

  async load(id = null) {
    await this.list.load(id);
    this.draw();
  }

  async change(filter) {
    this.list = pairList(filter);
    this.editing = null;
    stay({ ...filter, status: filter.status || "all" });
    try {
      await this.load();
    } catch (error) {
      fill(this.body, errorState(error, () => void this.change(filter)));
    }
  }

  draw() {
    const { inbox } = this.list.state;
    this.head.show(inbox);
    fill(
      this.filterPlace,
      filterBar({
        filter: this.list.filter,
        inbox,
        bulk: this.bulk,
        change: (filter) => void this.change(filter),
        approveAll: () => void this.approveAll(),
        undoBulk: () => void this.undoBulk(),
      }),
    );
    fill(this.body, this.strip(), this.desk());
    scrollTalks(this.body);
  }

  strip() {
    const { pairs, total } = this.list.state;
    if (!pairs.length) return null;
    return h(
      "nav",
      { class: "pair-strip", "aria-label": t("pairs.list") },
      h("p", { class: "soft pair-strip-title" }, t("pairs.found", { n: total })),
      h("ul", {}, pairs.map((one, at) => entry(one, at === this.list.state.at, () => this.show(at)))),
      pairs.length < total
        ? button({ text: t("common.more"), kind: "quiet", key: "more", press: () => void this.more() })
        : null,
    );
  }

  desk() {
    const pair = this.list.current;
    if (!pair) return this.nothing();
    const { at, total } = this.list.state;
    this.noteField = h("textarea", {
      class: "area pair-note-field",
      rows: "1",
      maxlength: "500",
      placeholder: t("pairs.note_hint"),
      "aria-label": t("pairs.note"),
    });
    this.noteField.value = this.notes.get(pair.id) ?? "";
    this.noteField.addEventListener("input", () => this.notes.set(pair.id, this.noteField.value));
    return h(
      "article",
      { class: "pair-desk", "aria-label": t("pairs.place", { at: at + 1, total }), data: { pair: pair.id } },
      h(
        "div",
        { class: "row spread" },
        h(
          "span",
          { class: "row pair-steps" },
          button({ label: t("pairs.key_previous"), symbol: "prev", key: "prev", press: () => void this.move(-1) }),
          h("span", { class: "pair-place" }, t("pairs.place", { at: at + 1, total })),
          button({ label: t("pairs.key_next"), symbol: "next", key: "next", press: () => void this.move(1) }),
        ),
        facts(pair),
      ),
      talk(pair.turns),
      sides(pair, this.editing === pair.id ? this.editor(pair) : null),
      this.acts(pair),
      this.noteField,
      scores(pair),
      history(pair),
    );
  }

  acts(pair) {
    return h(
      "div",
      { class: "row pair-acts" },
      VERDICTS.map(({ key, verdict, kind }) =>
        keyButton({
          text: t(`pairs.act_${verdict}`),
          key,
          kind,
          "aria-pressed": pair.status === verdict ? "true" : "false",
          press: () => void this.decide(verdict),
        }),
      ),
      keyButton({ text: t("pairs.act_edit"), key: "e", kind: "quiet", press: () => this.edit() }),
      keyButton({ text: t("pairs.act_undo"), key: "u", kind: "quiet", press: () => void this.undo() }),
      keyButton({ text: t("pairs.act_note"), key: "n", kind: "quiet", press: () => this.note() }),
    );
  }

  nothing() {
    const { filter } = this.list;
    const { inbox } = this.list.state;
    if (!inbox.nights.length) return emptyState(t("pairs.none_title"), t("pairs.none_text"));
    if (filter.status === "proposed" && inbox.counts.proposed === 0) {
      const all = button({
        text: t("pairs.show_all"),
        kind: "quiet",
        press: () => void this.change({ ...filter, status: "" }),
      });
      return emptyState(t("pairs.done_title"), t("pairs.done_text"), all);
    }
    return emptyState(t("pairs.empty_title"), t("pairs.empty_text"));
  }

  editor(pair) {
    this.editField = h("textarea", {
      class: "area pair-edit-field",
      rows: "4",
      maxlength: "600",
      lang: "ja",
      "aria-label": t("pairs.edit_label"),
    });
    this.editField.value = this.draft ?? sidesOf(pair).taught.text;
    this.editField.addEventListener("input", () => {
      this.draft = this.editField.value;
    });
    return h(
      "div",
      { class: "pair-editor" },
      this.editField,
      h("p", { class: "soft" }, t("pairs.edit_hint")),
      h(
        "div",
        { class: "row" },
        button({ text: t("pairs.edit_save"), kind: "gold", press: () => void this.save() }),
        button({ text: t("common.cancel"), kind: "quiet", press: () => this.leave() }),
      ),
    );
  }

  show(at) {
    this.list.state.at = at;
    this.editing = null;
    this.draw();
    this.tell();
  }

  async move(step) {
    this.editing = null;
    const there = await attempt(() => this.list.move(step));
    if (there) {
      this.draw();
      this.tell();
    } else if (there === false) toast(t(step > 0 ? "pairs.last" : "pairs.first"));
  }

  async more() {
    if (await attempt(() => this.list.more())) this.draw();
  }

  tell() {
    const { at, total } = this.list.state;
    announce(`${t("pairs.place", { at: at + 1, total })} ${sidesOf(this.list.current).taught.text}`);
    this.body.querySelector('.pair-entry[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  }

  /** Runs a change of the pair one is at, one at a time; goes to the next undecided one after. */
  async act(path, body, told) {
    const pair = this.list.current;
    if (!pair || this.busy) return;
    this.busy = true;
    const note = (this.notes.get(pair.id) ?? "").trim();
    const answer = await attempt(() => send("POST", `pairs/${pair.id}/${path}`, { ...body, note }));
    this.busy = false;
    if (!answer) return;
    this.notes.delete(pair.id);
    this.editing = null;
    this.list.put(answer.pair, answer.counts);
    toast(told, "plain", { text: t("common.undo"), press: () => void this.undo() });
    await this.forward();
  }

  async forward() {
    if (this.list.state.at + 1 < this.list.state.total) {
      await attempt(() => this.list.move(1));
    }
    this.draw();
    if (this.list.current) this.tell();
  }

  decide(verdict) {
    return this.act("verdict", { verdict }, t(`pairs.told_${verdict}`));
  }

  edit() {
    const pair = this.list.current;
    if (!pair) return;
    this.editing = pair.id;
    this.draft = null;
    this.draw();
    this.editField.focus();
    this.editField.setSelectionRange(this.editField.value.length, this.editField.value.length);
  }

  save() {
    return this.act("edit", { text: this.editField.value }, t("pairs.told_edit"));
  }

  note() {
    this.noteField?.focus();
  }

  /** Saves what is being written: a better text, or a note by itself. */
  async saveWritten() {
    const pair = this.list.current;
    if (!pair) return;
    if (this.editing === pair.id) {
      await this.save();
      return;
    }
    const note = (this.notes.get(pair.id) ?? "").trim();
    if (!note) return;
    const answer = await attempt(() => send("POST", `pairs/${pair.id}/note`, { note }));
    if (!answer) return;
    this.notes.delete(pair.id);
    this.list.put(answer.pair, answer.counts);
    this.draw();
    toast(t("pairs.told_note"));
  }

  leave() {
    document.activeElement?.blur();
    if (!this.editing) return;
    this.editing = null;
    this.draw();
  }

  async undo() {
    if (this.busy) return;
    this.busy = true;
    const answer = await attempt(() => send("POST", "pairs/undo"));
    this.busy = false;
    if (!answer) return;
    this.editing = null;
    this.list.put(answer.pair, answer.counts);
    this.list.goTo(answer.pair.id);
    this.draw();
    toast(t("pairs.told_undo"));
  }

  async approveAll() {
    const { state, filter } = this.list;
    const done = await approveFound(filter, state.inbox);
    if (!done) return;
    this.bulk = done;
    await this.reload();
    toast(t("pairs.told_all", { n: done.count }), "plain", {
      text: t("common.undo"),
      press: () => void this.undoBulk(),
    });
  }

  async undoBulk() {
    if (!this.bulk || !(await undoFound(this.bulk))) return;
    this.bulk = null;
    await this.reload();
  }

  async reload() {
    await attempt(() => this.load(this.list.current?.id ?? null));
  }

  keys() {
    return [
      { keys: ["ArrowLeft", "k"], text: "pairs.key_previous", run: () => void this.move(-1) },
      { keys: ["ArrowRight", "j"], text: "pairs.key_next", run: () => void this.move(1) },
      ...VERDICTS.map(({ key, verdict }) => ({
        keys: [key],
        text: `pairs.act_${verdict}`,
        run: () => void this.decide(verdict),
      })),
      { keys: ["e"], text: "pairs.act_edit", run: () => this.edit() },
      { keys: ["n"], text: "pairs.act_note", run: () => this.note() },
      { keys: ["u"], text: "pairs.act_undo", run: () => void this.undo() },
      { keys: ["Ctrl+Enter"], text: "pairs.key_save", run: () => void this.saveWritten() },
      { keys: ["Escape"], text: "pairs.key_leave", run: () => this.leave() },
      { keys: ["/"], text: "pairs.key_filter", run: () => this.filterPlace.querySelector("select")?.focus() },
      { keys: ["Shift+a"], text: "pairs.approve_all", run: () => void this.approveAll() },
      { keys: ["Shift+u"], text: "pairs.key_undo_all", run: () => void this.undoBulk() },
    ];
  }
}
