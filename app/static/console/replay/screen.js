// A logged reply said once more, on any kept version, beside what was said then.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { go } from "../place.js";
import { attempt, chip, emptyState, metricName, number, panel, when } from "../ui.js";
import { difference } from "./difference.js";

const OPEN = ["waiting", "speaking", "scoring"];
const LOOK_MS = 700;

/** Opens the replay of the reply that the address names. */
export async function open(root, place) {
  const reply = place.query.get("reply");
  if (!reply) {
    const act = button({ text: t("replay.to_replies"), kind: "gold", press: () => go("replies") });
    fill(root, emptyState(t("replay.none_title"), t("replay.none"), act));
    return { keys: [] };
  }
  const about = await get(`replies/${encodeURIComponent(reply)}/replay`);
  const jobs = [];
  const chosen = new Set([about.reply.adapter]);
  const results = h("div", { class: "replays", "aria-live": "polite" });
  let timer = null;

  const draw = () => fill(results, jobs.map((job) => result(about.reply, job, stop)));

  const start = async () => {
    for (const version of about.versions.filter((one) => chosen.has(one.id))) {
      if (jobs.some((one) => one.adapter === version.id && OPEN.includes(one.state))) continue;
      const job = await attempt(() => send("POST", `replies/${reply}/replay`, { adapter: version.id }));
      if (!job) continue;
      const before = jobs.findIndex((one) => one.adapter === version.id);
      if (before >= 0) jobs.splice(before, 1);
      jobs.push(job);
    }
    draw();
    look();
  };

  const look = () => {
    clearTimeout(timer);
    if (!jobs.some((one) => OPEN.includes(one.state))) return;
    timer = setTimeout(async () => {
      for (const [at, job] of jobs.entries()) {
        if (!OPEN.includes(job.state)) continue;
        const now = await attempt(() => get(`replays/${job.id}`));
        jobs[at] = now ?? { ...job, state: "failed" };
      }
      draw();
      look();
    }, LOOK_MS);
  };

  const stop = async (job) => {
    await attempt(() => send("POST", `replays/${job.id}/stop`));
    look();
  };

  fill(root, h("p", { class: "soft intro" }, t("replay.intro")), original(about.reply), versions(about, chosen, start), results);
  return {
    keys: [
      { keys: ["p"], text: "replay.key_start", run: () => void start() },
      { keys: ["Escape"], text: "replay.key_back", run: () => go("replies", { reply }) },
    ],
    close: () => clearTimeout(timer),
  };
}

function original(reply) {
  return panel(
    t("replay.original"),
    h(
      "div",
      { class: "talk" },
      reply.history.length
        ? h(
            "details",
            { class: "before" },
            h("summary", {}, t("replay.history", { n: reply.history.length })),
            reply.history.map((one) => [line("visitor", one.said), line("persona", one.answered)]),
          )
        : null,
      line("visitor", reply.said),
      line("persona", reply.text),
    ),
    h(
      "p",
      { class: "row marks" },
      chip(versionName(reply.adapter), "gold"),
      chip(t("replay.seed", { seed: reply.seed })),
      reply.sampling.temperature === undefined
        ? null
        : chip(t("replay.temperature", { value: number(reply.sampling.temperature) })),
      chip(t(`replay.status_${reply.status}`)),
      reply.deflected ? chip(t("replay.deflected"), "warn") : null,
      reply.exact ? null : chip(t("replay.rebuilt"), "warn", t("replay.reason_rebuilt_history")),
    ),
    reply.facts.length
      ? h(
          "details",
          { class: "facts" },
          h("summary", {}, t("replay.facts", { n: reply.facts.length })),
          h("ul", {}, reply.facts.map((fact) => h("li", { class: "said" }, fact))),
        )
      : null,
  );
}

function line(who, text) {
  return h(
    "p",
    { class: `spoken spoken-${who}` },
    h("span", { class: "spoken-who" }, t(`replay.${who}`)),
    h("span", { class: "said" }, text),
  );
}

function versions(about, chosen, start) {
  const box = (one) => {
    const mark = h("input", {
      type: "checkbox",
      checked: chosen.has(one.id),
      disabled: Boolean(one.refusal),
      data: { k: `version-${one.id ?? "base"}` },
      on: { change: () => (mark.checked ? chosen.add(one.id) : chosen.delete(one.id)) },
    });
    return h(
      "label",
      { class: "version", "aria-disabled": one.refusal ? "true" : null },
      mark,
      h(
        "span",
        { class: "version-text" },
        h("span", { class: "version-name" }, versionName(one.id)),
        h(
          "span",
          { class: "row" },
          one.created_at ? h("span", { class: "soft" }, when(one.created_at)) : null,
          one.id === about.reply.adapter ? chip(t("replay.then"), "gold") : null,
          one.id !== null && one.id === about.active ? chip(t("replay.active"), "good") : null,
          one.refusal ? chip(t(`replay.refusal_${one.refusal}`), "bad") : null,
        ),
      ),
    );
  };
  return panel(
    t("replay.choose"),
    h("div", { class: "versions" }, about.versions.map(box)),
    h("div", { class: "row acts" }, button({ text: t("replay.start"), symbol: "play", kind: "gold", key: "start", press: () => void start() })),
  );
}

function result(reply, job, stop) {
  return h(
    "section",
    { class: "panel replayed", data: { adapter: job.adapter ?? "", state: job.state } },
    h("h2", { class: "panel-title" }, versionName(job.adapter)),
    OPEN.includes(job.state) ? running(job, stop) : null,
    job.state === "failed" ? h("p", { class: "fault", role: "alert" }, fault(job)) : null,
    job.state === "stopped" ? h("p", { class: "soft" }, t("replay.stopped")) : null,
    job.text === null ? null : [verdict(job), texts(reply, job), scores(job)],
  );
}

function running(job, stop) {
  return h(
    "p",
    { class: "row running", role: "status" },
    h("span", {}, t(`replay.state_${job.state}`)),
    button({ text: t("replay.stop"), symbol: "stop", kind: "quiet", press: () => void stop(job) }),
  );
}

function fault(job) {
  if (!job.refused) return t("replay.gone");
  return t(`replay.refused_${job.refused.code}`, job.refused.places);
}

function verdict(job) {
  const kinds = { same: "good", cut: "good", different: "warn" };
  return h(
    "div",
    { class: "verdict" },
    chip(t(`replay.likeness_${job.likeness}`), kinds[job.likeness]),
    job.deflected ? chip(t("replay.deflected"), "warn") : null,
    job.reasons.length
      ? h("ul", { class: "reasons soft" }, job.reasons.map((one) => h("li", {}, t(`replay.reason_${one}`))))
      : null,
  );
}

function texts(reply, job) {
  const marked = difference(reply.text, job.text);
  const side = (title, runs, kind) =>
    h(
      "div",
      { class: "side-text" },
      h("h3", { class: "soft" }, title),
      h(
        "p",
        { class: "said" },
        runs.map((run) => (run.kept ? run.text : h(kind, { class: "differs" }, run.text))),
      ),
    );
  return h(
    "div",
    { class: "sides" },
    side(t("replay.original"), marked.before, "del"),
    side(t("replay.now"), marked.after, "ins"),
  );
}

function scores(job) {
  if (!job.scores) {
    return job.unscored ? h("p", { class: "soft" }, t("replay.unscored", { reason: job.unscored })) : null;
  }
  const keys = Object.keys(job.scores.differences);
  const row = (key) => {
    const one = job.scores.differences[key];
    const sure = one.low !== null && (one.low > 0 || one.high < 0);
    return h(
      "tr",
      { class: sure ? "sure" : null },
      h("th", { scope: "row" }, metricName(key)),
      h("td", { class: "at-number" }, number(job.scores.reply.values[key])),
      h("td", { class: "at-number" }, number(job.scores.replay.values[key])),
      h("td", { class: "at-number" }, signed(one.value)),
      h("td", { class: "at-number soft" }, one.low === null ? "–" : `${signed(one.low)} … ${signed(one.high)}`),
    );
  };
  return h(
    "div",
    { class: "scored" },
    h("p", { class: "soft" }, t("replay.scores", { evaluator: job.scores.evaluator })),
    h(
      "div",
      { class: "table-frame" },
      h(
        "table",
        { class: "table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            ["metric", "original", "now", "change", "interval"].map((one, at) =>
              h("th", { scope: "col", class: at ? "at-number" : null }, t(`replay.${one}`)),
            ),
          ),
        ),
        h("tbody", {}, keys.map(row)),
      ),
    ),
  );
}

function signed(value) {
  return `${value > 0 ? "+" : ""}${number(value)}`;
}

function versionName(id) {
  return id === null ? t("replay.base") : id;
}
