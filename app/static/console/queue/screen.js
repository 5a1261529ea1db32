// The review queue: one reply at a time, by keyboard. The evaluator's scores stay hidden until the
// operator has judged or asked for them.

import { button, fill, h } from "../../shared/dom.js";
import { announce } from "../../shared/notices.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, chip, confirmDialog, emptyState, progressBar, toast } from "../ui.js";
import { HIGHEST, VERDICT, choose, clear, entryOf, reviewsOf } from "./draft.js";
import { drawEditor, drawRoute } from "./editor.js";
import { showHistory } from "./history.js";
import { drawRatings } from "./ratings.js";
import { drawTalk } from "./talk.js";

const AHEAD = 5;
const MOST = 20;
const ROUTE_AFTER_MS = 600;
const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "-", "Shift+0"];

/** Opens the queue; `?reply=` puts a reply of one's own choice first. */
export async function open(root, { me, query }) {
  const { metrics } = await get("metrics");
  const fields = [VERDICT, ...metrics.map((one) => one.key)];
  const entries = [];
  let progress = { today: 0, in_all: 0, left: 0, more: 0 };
  let at = 0;
  let session = 0;
  let busy = false;
  let routing = 0;

  const entry = () => entries[at] ?? null;
  const isOver = (one) => one.saved || one.skipped;

  async function load() {
    const held = entries.filter((one) => !isOver(one)).length;
    const answer = await send("POST", "queue/next", { count: Math.min(MOST, held + AHEAD) });
    progress = answer;
    const known = new Set(entries.map((one) => one.item.reply));
    entries.push(...answer.items.filter((item) => !known.has(item.reply)).map(entryOf));
  }

  /** Puts a reply before the operator, wherever it is. */
  async function bring(reply) {
    const known = entries.findIndex((one) => one.item.reply === reply);
    if (known >= 0) at = known;
    else {
      const { item, reviewed } = await get(`queue/${reply}`);
      entries.splice(at, 0, { ...entryOf(item), saved: reviewed });
    }
  }

  /** Runs one thing at a time; what it refuses is told. */
  async function once(work) {
    if (busy) return;
    busy = true;
    await attempt(work);
    busy = false;
    draw();
  }

  function draw() {
    const now = entry();
    fill(
      root,
      head(),
      now
        ? h(
            "div",
            { class: "queue-desk", data: { reply: now.item.reply, state: stateOf(now) } },
            drawTalk(now, me.persona.name, drawEditor(now, { change, open: openWords })),
            h(
              "section",
              { class: "panel queue-judge", "aria-label": t("queue.judge") },
              drawRatings({ entry: now, metrics, pick, enter }),
              foot(now),
            ),
          )
        : emptyState(
            t("queue.empty"),
            t(session ? "queue.empty_after" : "queue.empty_text", { n: session }),
            button({ text: t("queue.look_again"), kind: "quiet", press: () => once(forward) }),
          ),
    );
    // What was said last stands nearest to the reply.
    const before = root.querySelector(".queue-before");
    if (before) before.scrollTop = before.scrollHeight;
  }

  function head() {
    const total = progress.today + progress.left;
    return h(
      "header",
      { class: "queue-head" },
      h(
        "div",
        { class: "queue-progress" },
        progressBar(progress.today, total, t("queue.progress")),
        h("p", { class: "soft" }, t("queue.counts", { ...progress, session })),
      ),
      h(
        "div",
        { class: "row" },
        button({ label: t("queue.key_back"), symbol: "prev", key: "back", press: back }),
        button({ label: t("queue.key_next"), symbol: "next", key: "next", press: next }),
        button({ text: t("queue.undo"), symbol: "undo", key: "undo", press: () => once(undo) }),
        button({ text: t("queue.history"), symbol: "log", key: "history", press: history }),
      ),
    );
  }

  function foot(now) {
    return h(
      "div",
      { class: "row spread queue-foot" },
      isOver(now)
        ? chip(t(now.saved ? "queue.saved" : "queue.skipped"), "good")
        : button({ text: t("queue.skip"), symbol: "next", key: "skip", press: skip }),
      h(
        "span",
        { class: "row" },
        button({
          text: t(now.scores ? "queue.revealed" : "queue.reveal"),
          symbol: "chart",
          key: "reveal",
          title: t("queue.reveal_text"),
          "aria-pressed": now.scores ? "true" : "false",
          disabled: Boolean(now.scores),
          press: () => once(reveal),
        }),
        button({ text: t("queue.save"), kind: "gold", key: "save", press: () => once(save) }),
      ),
    );
  }

  function pick(field, value) {
    choose(entry().draft, field, value);
    draw();
  }

  function enter(index) {
    entry().field = index;
    draw();
    const row = root.querySelector(`[data-field="${index}"]`);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  }

  function change(values, redraw = false) {
    Object.assign(entry().draft, values);
    if (redraw) draw();
    if ("edit" in values) {
      clearTimeout(routing);
      routing = setTimeout(route, ROUTE_AFTER_MS, entry());
    }
  }

  /** Has the server say whether a correction is of a fact; the operator's own choice stands. */
  async function route(now) {
    const { item, draft } = now;
    const asked = draft.edit?.trim();
    if (!asked || asked === item.text.trim()) return;
    const body = { user: item.user_text, reply: item.text, corrected: asked, facts: item.facts };
    try {
      const found = await send("POST", "route-fault", body);
      if (draft.edit?.trim() !== asked) return;
      Object.assign(draft, { routed: found, route: draft.chosen ? draft.route : found.kind });
    } catch {
      return; // The operator chooses.
    }
    // Only this part is drawn anew: an unfinished conversion in the field must not be disturbed.
    const place = root.querySelector(".queue-routes");
    if (place && entry() === now) fill(place, drawRoute(draft, change));
  }

  function openWords(part, first) {
    const now = entry();
    if (now.draft[part] === null) {
      const marked = String(document.getSelection() ?? "").trim();
      const inReply = marked && now.item.text.includes(marked);
      now.draft[part] = part === "wrong" && inReply ? marked : first;
    }
    draw();
    root.querySelector(`[data-k="words-${part}"]`).focus();
  }

  async function reveal() {
    const now = entry();
    now.scores ??= await get(`queue/${now.item.reply}/scores`);
    announce(t("queue.revealed"));
  }

  async function save() {
    const now = entry();
    clearTimeout(routing);
    if (now?.draft.edit && !now.draft.chosen) await route(now);
    const reviews = now ? reviewsOf(now) : [];
    if (!reviews.length) {
      toast(t("queue.nothing_said"), "bad");
      return;
    }
    const body = { reviews, blind: !now.scores && !isOver(now) };
    await send("POST", `replies/${now.item.reply}/reviews`, body);
    if (!now.saved) count(now);
    Object.assign(now, { saved: true, draft: entryOf(now.item).draft });
    announce(t("queue.saved"));
    await forward();
  }

  /** Counts a reply as done until the server's own figures come with the next ones. */
  function count(now) {
    session += 1;
    const place = now.item.why.every((one) => one === "recent") ? "more" : "left";
    progress = {
      ...progress,
      today: progress.today + 1,
      in_all: progress.in_all + 1,
      [place]: Math.max(0, progress[place] - 1),
    };
  }

  /** Goes to the next reply that is not done yet; an empty end of the list asks the server first. */
  async function forward() {
    const ahead = entries.slice(at + 1).filter((one) => !isOver(one)).length;
    if (ahead < 2) await load();
    const later = entries.findIndex((one, index) => index > at && !isOver(one));
    const any = entries.findIndex((one) => !isOver(one));
    at = later >= 0 ? later : any >= 0 ? any : entries.length;
    root.closest(".stage-room")?.scrollTo(0, 0);
  }

  async function skip() {
    const now = entry();
    if (!now || isOver(now)) return;
    const reason = await confirmDialog({
      title: t("queue.skip_title"),
      text: t("queue.skip_text"),
      yes: t("queue.skip"),
      kind: "gold",
      reason: { label: t("queue.reason"), required: true },
    });
    if (reason === null) return;
    await once(async () => {
      await send("POST", `replies/${now.item.reply}/skip`, { reason });
      now.skipped = true;
      await forward();
    });
  }

  async function undo() {
    const { reply } = await send("POST", "queue/undo");
    if (reply === null) {
      toast(t("queue.nothing_to_undo"));
      return;
    }
    await bring(reply);
    if (entry().saved && session) session -= 1;
    Object.assign(entry(), { saved: false, skipped: false });
    await load();
    toast(t("queue.undone"));
  }

  async function history() {
    const now = entry();
    if (!now) return;
    // What others said of it weighs on a judgement as the evaluator's scores do.
    await once(reveal);
    await showHistory(now.item.reply);
  }

  function back() {
    at = Math.max(0, Math.min(at, entries.length) - 1);
    draw();
  }

  function next() {
    if (at + 1 < entries.length) {
      at += 1;
      draw();
    } else void once(forward);
  }

  function onEntry(run) {
    return (event) => {
      if (entry()) run(event, entry());
    };
  }

  const move = (step) =>
    onEntry((_, now) => enter((now.field + step + fields.length) % fields.length));

  const digit = onEntry((event, now) => {
    // "-" and Shift+0 are 10.
    const plain = /^\d$/.test(event.key) && !event.shiftKey;
    if (!choose(now.draft, fields[now.field], plain ? Number(event.key) : HIGHEST)) return;
    enter(Math.min(now.field + 1, fields.length - 1));
  });

  if (query.get("reply")) await bring(query.get("reply"));
  await load();
  draw();
  return {
    close: () => clearTimeout(routing),
    keys: [
      { keys: DIGITS, text: "queue.key_choose", run: digit },
      { keys: ["ArrowUp"], text: "queue.key_up", run: move(-1) },
      { keys: ["ArrowDown"], text: "queue.key_down", run: move(1) },
      {
        keys: ["Backspace", "Delete"],
        text: "queue.key_clear",
        run: onEntry((_, now) => {
          clear(now.draft, fields[now.field]);
          draw();
        }),
      },
      { keys: ["Ctrl+Enter"], text: "queue.key_save", run: () => once(save) },
      { keys: ["ArrowLeft"], text: "queue.key_back", run: back },
      { keys: ["ArrowRight"], text: "queue.key_next", run: next },
      { keys: ["c"], text: "queue.edit", run: onEntry((_, now) => openWords("edit", now.item.text)) },
      { keys: ["x"], text: "queue.wrong", run: onEntry(() => openWords("wrong", "")) },
      { keys: ["n"], text: "queue.note", run: onEntry(() => openWords("note", "")) },
      {
        keys: ["d"],
        text: "queue.exclude",
        run: onEntry((_, now) => change({ exclude: !now.draft.exclude }, true)),
      },
      { keys: ["e"], text: "queue.reveal", run: onEntry(() => once(reveal)) },
      { keys: ["s"], text: "queue.skip", run: skip },
      { keys: ["u"], text: "queue.undo", run: () => once(undo) },
      { keys: ["h"], text: "queue.history", run: history },
      { keys: ["Escape"], text: "queue.key_leave", run: () => document.activeElement?.blur() },
    ],
  };
}

function stateOf(one) {
  if (one.saved) return "saved";
  return one.skipped ? "skipped" : "open";
}
