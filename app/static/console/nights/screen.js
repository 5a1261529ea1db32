// The nights: a calendar, the report of one, and the one that runs now.

import { fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { stay } from "../place.js";
import { attempt, emptyState, loadingState } from "../ui.js";
import { calendar, monthAway } from "./calendar.js";
import { report } from "./report.js";
import { nightActs, runNight, runningPanel, stopNight } from "./running.js";

const OFTEN_MS = 4000;
const SELDOM_MS = 30_000;

/** Opens the nights; `query` may name a date. */
export async function open(root, { query, me }) {
  const places = { now: h("div", {}), month: h("div", { class: "panel" }), report: h("div", {}) };
  root.append(
    h("div", { class: "nights" }, h("aside", { class: "nights-side" }, places.month), h("div", { class: "nights-main" }, places.now, places.report)),
  );
  let shown = null;
  let state = null;
  let chosen = query.get("date");
  let timer = null;
  let closed = false;

  const night = () => shown?.days.find((day) => day.date === chosen) ?? null;

  async function turn(month) {
    const answer = await attempt(() => get("nights", { month }));
    if (answer) shown = answer;
    drawMonth();
  }

  async function pick(date, month = null) {
    chosen = date;
    stay({ date });
    if (month && month !== shown.month) await turn(month);
    drawMonth();
    drawNow();
    fill(places.report, loadingState());
    const answer = await attempt(() => get(`nights/${date}`));
    if (closed || chosen !== date) return;
    fill(places.report, answer ? report(answer) : null);
  }

  function drawMonth() {
    fill(
      places.month,
      calendar({
        ...shown,
        chosen,
        pick: (date) => void pick(date),
        turn: (months) => void turn(monthAway(shown.month, months)),
      }),
    );
  }

  function drawNow() {
    if (!state) return;
    const acts = nightActs(state, me, night(), {
      run: async (date) => (await runNight(state, date)) && watch(),
      stop: async () => (await stopNight()) && again(),
    });
    fill(places.now, runningPanel(state, acts));
  }

  /** Looks how far the night is, again and again; its end is drawn at once. */
  async function watch() {
    clearTimeout(timer);
    const before = state?.night ?? null;
    const answer = await get("nights/running").catch(() => state);
    if (closed) return;
    state = answer;
    drawNow();
    if (before && !state?.night) await again();
    clearTimeout(timer);
    timer = setTimeout(() => void watch(), state?.night ? OFTEN_MS : SELDOM_MS);
  }

  async function again() {
    await turn(shown.month);
    state = await get("nights/running");
    drawNow();
    if (chosen) await pick(chosen);
  }

  async function step(by) {
    const at = shown.days.findIndex((day) => day.date === chosen);
    const next = shown.days[at + by];
    if (at >= 0 && next) {
      await pick(next.date);
      return;
    }
    const month = monthAway(shown.month, by);
    if (by < 0 ? shown.first.slice(0, 7) > month : shown.last.slice(0, 7) < month) return;
    await turn(month);
    const day = by < 0 ? shown.days.at(-1) : shown.days[0];
    if (day) await pick(day.date);
  }

  shown = await get("nights", { month: chosen?.slice(0, 7) });
  await watch();
  if (!shown.last) {
    fill(places.report, emptyState(t("nights.none"), t("nights.none_text")));
    drawMonth();
  } else {
    await pick(chosen ?? shown.last);
  }
  return {
    keys: [
      { keys: ["ArrowLeft", "k"], text: "nights.key_before", run: () => void step(-1) },
      { keys: ["ArrowRight", "j"], text: "nights.key_after", run: () => void step(1) },
      { keys: ["t"], text: "nights.key_newest", run: () => shown.last && void pick(shown.last, shown.last.slice(0, 7)) },
    ],
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
