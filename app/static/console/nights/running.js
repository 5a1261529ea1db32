// The night that runs now, and running or stopping one by hand.

import { button, h } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, confirmDialog, count, number, progressBar, toast, when } from "../ui.js";
import { duration } from "./report.js";

/** Asks, then runs the coming night, or goes on with `date`. Resolves to whether it began. */
export async function runNight(state, date = null) {
  const night = date ?? state.coming;
  const sure = await confirmDialog({
    title: t("nights.run_title", { date: dayOf(night) }),
    text: t("nights.run_text"),
    yes: t("nights.run_yes"),
    kind: "gold",
  });
  if (sure === null) return false;
  const answer = await attempt(() => send("POST", "nights/run", { date: night }));
  if (answer) toast(t("nights.run_begun", { date: dayOf(answer.night) }));
  return answer !== null;
}

/** Asks, then stops the running night. Resolves to whether it did. */
export async function stopNight() {
  const sure = await confirmDialog({
    title: t("nights.stop_title"),
    text: t("nights.stop_text"),
    yes: t("nights.stop_yes"),
  });
  if (sure === null) return false;
  const answer = await attempt(() => send("POST", "nights/stop"));
  if (answer) toast(t("nights.stopped", { date: dayOf(answer.night) }));
  return answer !== null;
}

/** The panel: what runs with its pace, else when the next night begins. `acts`: buttons. */
export function runningPanel(state, acts) {
  if (!state.night) {
    return h(
      "section",
      { class: "panel now" },
      h(
        "div",
        { class: "row spread" },
        h("p", {}, state.next_at ? t("nights.next", { at: when(state.next_at) }) : t("nights.no_clock")),
        acts,
      ),
    );
  }
  return h(
    "section",
    { class: "panel now now-running" },
    h(
      "div",
      { class: "row spread" },
      h("h2", { class: "panel-title" }, t("nights.running", { date: dayOf(state.night) })),
      acts,
    ),
    state.progress ? progress(state) : h("p", { class: "soft" }, t("nights.running_begins")),
    stepLine(state),
  );
}

function progress(state) {
  const now = state.progress;
  const name = stepName(state, now.step);
  return h(
    "div",
    { class: "now-step" },
    h("p", {}, t("nights.running_step", { at: now.position, of: now.steps, step: name })),
    progressBar(now.done, now.total, name),
    h(
      "p",
      { class: "soft" },
      now.per_minute === null ? "" : t("nights.pace", { n: number(now.per_minute, now.per_minute < 10 ? 1 : 0) }),
      "  ",
      now.end === null
        ? t("nights.end_unknown")
        : t("nights.end", {
            at: when(now.end.at),
            earliest: when(now.end.earliest),
            latest: when(now.end.latest),
            n: count(now.end.nights),
          }),
    ),
  );
}

function stepName(state, step) {
  const known = state.order.find((one) => one.step === step);
  return known?.name ?? step.replaceAll("_", " ");
}

function stepLine(state) {
  const done = new Map(state.done.map((one) => [one.step, one.seconds]));
  return h(
    "ol",
    { class: "step-line" },
    state.order.map(({ step }) => {
      const kind = done.has(step) ? "done" : step === state.progress?.step ? "now" : "later";
      return h(
        "li",
        { class: `step step-${kind}`, "aria-current": kind === "now" ? "step" : null },
        stepName(state, step),
        h("small", { class: "soft" }, done.has(step) ? duration(done.get(step)) : t(`nights.step_${kind}`)),
      );
    }),
  );
}

/** The buttons an admin has: run now, go on with a night, stop. */
export function nightActs(state, me, chosen, { run, stop }) {
  if (me.operator.role !== "admin" || !state.can_run) return null;
  if (state.night) {
    return state.stoppable
      ? button({ text: t("nights.stop"), symbol: "stop", kind: "danger", press: stop, key: "stop" })
      : null;
  }
  const again = ["stopped", "failed", "refused", "skipped"].includes(chosen?.status);
  return h(
    "span",
    { class: "row" },
    again
      ? button({
          text: t(`nights.resume_${chosen.status === "stopped" ? "open" : "again"}`, { date: dayOf(chosen.date) }),
          symbol: "again",
          kind: "quiet",
          press: () => run(chosen.date),
          key: "resume",
        })
      : null,
    button({ text: t("nights.run_now"), symbol: "play", kind: "gold", press: () => run(null), key: "run" }),
  );
}
