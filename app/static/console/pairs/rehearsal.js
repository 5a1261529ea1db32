// The dry run: what tonight would pair if it ran now, what it would leave out, how long it takes.

import { fill, h } from "../../shared/dom.js";
import { dayOf, t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { barChart } from "../charts.js";
import { attempt, count, dataTable, emptyState, number, panel, progressBar, when } from "../ui.js";
import { keyButton } from "./sides.js";

const LOOK_MS = 1000;
const STEPS = ["collect", "score", "candidates", "score_candidates", "pair"];

/** Opens the dry run in `root`. */
export async function openRehearsal(root) {
  const room = new Rehearsal(root);
  await room.look();
  return {
    keys: [
      { keys: ["s"], text: "pairs.rehearsal_start", run: () => void room.start() },
      { keys: ["x"], text: "pairs.rehearsal_stop", run: () => void room.stop() },
    ],
    close: () => room.close(),
  };
}

class Rehearsal {
  constructor(root) {
    this.root = root;
    this.told = null;
    this.timer = null;
    this.closed = false;
  }

  get running() {
    return this.told?.state === "running" || this.told?.state === "stopping";
  }

  async look() {
    const answer = await get("rehearsal");
    this.take(answer);
  }

  take(answer) {
    if (this.closed) return;
    this.told = answer.rehearsal;
    this.draw();
    clearTimeout(this.timer);
    if (this.running) this.timer = setTimeout(() => void attempt(() => this.look()), LOOK_MS);
  }

  async start() {
    if (this.running) return;
    const answer = await attempt(() => send("POST", "rehearsal"));
    if (answer) this.take(answer);
  }

  async stop() {
    if (this.told?.state !== "running") return;
    const answer = await attempt(() => send("POST", "rehearsal/stop"));
    if (answer) this.take(answer);
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }

  draw() {
    fill(
      this.root,
      h("p", { class: "soft intro" }, t("pairs.rehearsal_intro")),
      h(
        "div",
        { class: "row pair-acts" },
        keyButton({
          text: t(this.told ? "pairs.rehearsal_again" : "pairs.rehearsal_start"),
          key: "s",
          kind: "gold",
          symbol: "play",
          disabled: this.running,
          press: () => void this.start(),
        }),
        this.running
          ? keyButton({
              text: t("pairs.rehearsal_stop"),
              key: "x",
              kind: "quiet",
              disabled: this.told.state === "stopping",
              press: () => void this.stop(),
            })
          : null,
      ),
      this.content(),
    );
  }

  content() {
    const { told } = this;
    if (!told) return emptyState(t("pairs.rehearsal_none_title"), t("pairs.rehearsal_none_text"));
    if (this.running) return running(told);
    if (told.state === "done") return result(told);
    const kind = told.state === "failed" ? "warn" : "plain";
    return h(
      "section",
      { class: `panel rehearsal-ending rehearsal-${kind}`, role: "status" },
      h("h2", { class: "panel-title" }, t(`pairs.rehearsal_${told.state}`)),
      h("p", {}, t(`pairs.rehearsal_${told.state}_text`)),
      told.ending ? h("p", { class: "soft said", lang: "en" }, told.ending) : null,
    );
  }
}

function running({ state, started_at: started, progress }) {
  const at = STEPS.indexOf(progress?.step ?? "");
  return panel(
    t(state === "stopping" ? "pairs.rehearsal_stopping" : "pairs.rehearsal_running"),
    h(
      "ol",
      { class: "rehearsal-steps" },
      STEPS.map((step, place) =>
        h(
          "li",
          {
            class: place < at ? "rehearsal-past" : place === at ? "rehearsal-now" : null,
            "aria-current": place === at ? "step" : null,
          },
          h("span", {}, t(`pairs.step_${step}`)),
          place === at && progress.done + (progress.total ?? 0) > 0
            ? progressBar(progress.done, progress.total, t(`pairs.step_${step}`))
            : null,
        ),
      ),
    ),
    h("p", { class: "soft" }, t("pairs.rehearsal_since", { at: when(started) })),
  );
}

function result({ result: found, ended_at: ended }) {
  const sum = (counts) => Object.values(counts).reduce((all, one) => all + one, 0);
  const sorted = (counts) => Object.entries(counts).sort(([, one], [, other]) => other - one);
  const { training } = found;
  return h(
    "div",
    { class: "rehearsal-result" },
    h("p", { class: "soft" }, t("pairs.rehearsal_at", { at: when(ended), day: dayOf(found.date) })),
    h(
      "div",
      { class: "rehearsal-figures" },
      figure(count(sum(found.by_source)), t("pairs.figure_pairs")),
      figure(
        training.enough ? t("pairs.minutes", { n: number(training.minutes, training.minutes < 10 ? 1 : 0) }) : "–",
        t("pairs.figure_minutes"),
      ),
      figure(count(found.conflicts), t("pairs.figure_conflicts")),
      figure(count(sum(found.drops)), t("pairs.figure_drops")),
    ),
    h("p", { class: "rehearsal-training" }, inWords(training)),
    h(
      "div",
      { class: "rehearsal-panels" },
      panel(
        t("pairs.rehearsal_sources"),
        sum(found.by_source)
          ? barChart({
              label: t("pairs.rehearsal_sources"),
              rows: sorted(found.by_source).map(([key, value]) => ({
                name: t(`pairs.source_${key}`),
                value,
                note: count(value),
              })),
            })
          : h("p", { class: "soft" }, t("pairs.rehearsal_no_pairs")),
      ),
      panel(
        t("pairs.rehearsal_drops"),
        sum(found.drops)
          ? dataTable({
              caption: t("pairs.rehearsal_drops"),
              rows: sorted(found.drops),
              columns: [
                { title: t("pairs.reason"), cell: ([key]) => t(`pairs.drop_${key}`) },
                { title: t("pairs.many"), align: "number", cell: ([, value]) => count(value) },
              ],
            })
          : h("p", { class: "soft" }, t("pairs.rehearsal_no_drops")),
      ),
    ),
  );
}

function figure(value, name) {
  return h(
    "p",
    { class: "rehearsal-figure" },
    h("strong", {}, value),
    h("span", { class: "soft" }, name),
  );
}

function inWords(training) {
  const places = {
    pairs: count(training.pairs),
    replay: count(training.replay_pairs),
    seconds: number(training.seconds_per_pair),
    nights: training.measured_nights,
  };
  if (!training.enough) return t("pairs.training_none", places);
  return t(training.measured_nights ? "pairs.training_measured" : "pairs.training_assumed", places);
}
