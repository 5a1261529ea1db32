// What is known of a reply: scores, history, candidates, tokens, lineage.

import { h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { chip, emptyState, metricName, number, panel, when } from "../ui.js";
import { attributionPart } from "./attribution.js";
import { METRICS } from "./fields.js";
import { strip } from "./table.js";

const HIGHEST = 10;

/** The newest verdict: twelve scores with spread, guards, and what that was worth. */
export function scoresPart({ detail, reply }) {
  const { verdicts, failures } = detail.verdicts[reply.id];
  if (!verdicts.length) {
    return emptyState(t("replies.unscored"), failures.at(-1)?.reason ?? t("replies.unscored_text"));
  }
  const newest = verdicts.at(-1);
  return h(
    "div",
    {},
    panel(
      null,
      h("p", { class: "soft intro" }, t("replies.by", { evaluator: newest.evaluator, at: when(newest.at) })),
      h("div", { class: "metrics" }, METRICS.map((key) => metricRow(key, newest))),
      newest.reasons.map((reason) => h("p", { class: "said reason" }, reason)),
    ),
    newest.reward ? rewardPanel(newest) : null,
  );
}

function metricRow(key, verdict) {
  const value = verdict.values[key];
  const spread = verdict.spread[key] ?? 0;
  const left = Math.max(0, value - spread);
  const right = Math.min(HIGHEST, value + spread);
  const bar = h("span", { class: "metric-track" }, h("i", { class: "metric-spread" }), h("i", { class: "metric-dot" }));
  bar.style.setProperty("--left", `${left * 10}%`);
  bar.style.setProperty("--right", `${(HIGHEST - right) * 10}%`);
  bar.style.setProperty("--at", `${value * 10}%`);
  return h(
    "div",
    { class: "metric-row" },
    h("span", {}, metricName(key)),
    bar,
    h("span", { class: "metric-value" }, number(value, 1)),
    h("span", { class: "soft metric-value" }, `±${number(spread, 1)}`),
  );
}

function rewardPanel(verdict) {
  const guards = Object.entries(verdict.reward.guards).filter(([, part]) => part.points > 0);
  return panel(
    t("replies.worth", { n: number(verdict.reward.total, 2) }),
    h("p", { class: "soft" }, t("replies.worth_text", { night: verdict.night })),
    guards.length
      ? h(
          "ul",
          { class: "guards" },
          guards.map(([key, part]) =>
            h(
              "li",
              {},
              chip(t(`replies.guard_${key}`), "warn"),
              h("span", {}, `−${number(part.points, 2)}`),
              h("span", { class: "soft" }, part.note ?? ""),
            ),
          ),
        )
      : h("p", {}, t("replies.no_guards")),
  );
}

/** Everything that was ever thought of the reply, the newest first. */
export function historyPart({ detail, reply, reviews }) {
  const { verdicts, failures } = detail.verdicts[reply.id];
  const lines = [
    ...verdicts.map((one) => ({
      at: one.at,
      who: one.evaluator,
      what: strip(one.values),
      note: one.reward ? t("replies.used_in", { night: one.night, n: number(one.reward.total, 2) }) : "",
    })),
    ...failures.map((one) => ({ at: one.at, who: one.evaluator, what: t("replies.unscored"), note: one.reason })),
    ...reviews.reviews.map((one) => ({
      at: one.at,
      who: one.operator,
      what: reviewed(one),
      note: one.note ?? "",
      gone: !one.stands,
    })),
  ].toSorted((one, other) => (one.at < other.at ? 1 : -1));
  if (!lines.length) return emptyState(t("replies.no_history"));
  return panel(
    null,
    h(
      "ol",
      { class: "history" },
      lines.map((line) =>
        h(
          "li",
          { class: line.gone ? "history-gone" : null },
          h("span", { class: "soft" }, when(line.at)),
          h("strong", {}, line.who),
          h("span", { class: "said" }, line.what),
          line.note ? h("span", { class: "soft said" }, line.note) : null,
          line.gone ? chip(t("replies.retracted")) : null,
        ),
      ),
    ),
  );
}

function reviewed(one) {
  if (one.kind === "metric") return `${metricName(one.metric)} ${number(one.value, 1)}`;
  const said = one.kind === "verdict" ? t(`replies.verdict_${one.text}`) : one.text;
  return `${t(`replies.review_${one.kind}`)} ${said ?? ""}`.trim();
}

/** What the night said to the same words, with its scores. */
export function candidatesPart({ detail }) {
  if (!detail.candidates.length) return emptyState(t("replies.no_candidates"), t("replies.no_candidates_text"));
  return panel(
    t("replies.candidates_of", { night: detail.candidates[0].night }),
    h(
      "ol",
      { class: "candidates" },
      detail.candidates.map((one) => {
        const verdict = detail.verdicts[one.id]?.verdicts.at(-1);
        return h(
          "li",
          {},
          h("p", { class: "said" }, one.text),
          h(
            "p",
            { class: "row" },
            verdict ? strip(verdict.values) : chip(t("replies.unscored"), "warn"),
            verdict?.reward ? h("span", { class: "soft" }, t("replies.worth", { n: number(verdict.reward.total, 2) })) : null,
            one.flagged ? chip(t("replies.flag_safety"), "bad") : null,
          ),
        );
      }),
    ),
  );
}

/** The reply as the model reads it, token by token. */
export function tokensPart({ detail, reply }) {
  if (!detail.tokens) return emptyState(t("replies.no_tokens"), t("replies.no_tokens_text"));
  return panel(
    t("replies.tokens_count", { n: detail.tokens.length }),
    attributionPart({ reply, tokens: detail.tokens }),
    h(
      "dl",
      { class: "facts-list" },
      pairs({
        seed: reply.seed,
        ...reply.sampling,
        ...Object.fromEntries(Object.entries(reply.timings).map(([key, value]) => [key, number(value, 2)])),
      }),
    ),
  );
}

/** Which nights learnt from the turn, into which versions, as which pairs. */
export function lineagePart({ detail, turn }) {
  const nothing = !turn.learned.length && !detail.pairs.length && !detail.conflicts.length;
  if (nothing) return emptyState(t("replies.no_lineage"), t("replies.no_lineage_text"));
  return h(
    "div",
    {},
    turn.learned.length
      ? panel(
          t("replies.learned"),
          turn.learned.map((one) =>
            h(
              "p",
              { class: "row" },
              h("strong", {}, t("replies.learned_on", { date: one.date })),
              h("span", { class: "soft" }, one.adapter),
              one.deployed ? chip(t("replies.deployed"), "good") : chip(t("replies.not_deployed")),
            ),
          ),
        )
      : null,
    detail.pairs.length ? panel(t("replies.pairs"), detail.pairs.map(pairOf)) : null,
    detail.conflicts.length
      ? panel(
          t("replies.flag_conflict"),
          detail.conflicts.map((one) =>
            h("p", {}, t("replies.conflict_told", { signal: t(`replies.signal_${one.signal}`), night: one.night })),
          ),
        )
      : null,
  );
}

function pairOf(one) {
  return h(
    "div",
    { class: "pair-of" },
    h(
      "p",
      { class: "row" },
      h("strong", {}, one.night),
      chip(t(`replies.pair_${one.status}`), one.status === "vetoed" ? "bad" : "plain"),
      h("span", { class: "soft" }, t(`replies.source_${one.source}`)),
    ),
    h("p", { class: "said" }, h("b", {}, "＋ "), one.chosen),
    h("p", { class: "said soft" }, h("b", {}, "− "), one.rejected),
  );
}

function pairs(values) {
  return Object.entries(values).map(([key, value]) => [h("dt", {}, key), h("dd", {}, String(value))]);
}
