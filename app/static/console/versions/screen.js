// The versions: what is on stage, all that were trained, their history and figures; going back.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { hashOf, stay } from "../place.js";
import { attempt, chip, count, dataTable, emptyState, panel, when } from "../ui.js";
import { activate, rollBack } from "./change.js";
import { figures } from "./figures.js";
import { timeline, who } from "./history.js";

/** Opens the versions; `query` may name a version, a metric and two to compare. */
export async function open(root, { query, me }) {
  const admin = me.operator.role === "admin";
  const places = { stage: h("div", {}), list: h("div", {}), figures: h("div", {}), past: h("div", {}) };
  let state = null;
  let chosen = query.get("version");
  let kept = {
    metric: query.get("metric") ?? "mean",
    first: query.get("first"),
    second: query.get("second"),
  };
  root.append(
    h("div", { class: "versions" }, places.stage, places.figures, h("div", { class: "versions-lists" }, places.list, places.past)),
  );

  const remember = () => stay({ version: chosen, ...kept });

  async function load() {
    const answer = await attempt(() => get("versions"));
    if (!answer) return;
    state = answer;
    draw();
  }

  async function loadFigures() {
    const answer = await attempt(() => get("versions/figures"));
    if (!answer) return;
    const change = ({ metric, first, second }) => {
      kept = { metric, first, second };
      remember();
    };
    fill(places.figures, answer.versions.length ? figures(answer, kept, change) : null);
  }

  const goBack = async () => admin && (await rollBack(state)) && (await load());
  const putOn = async (adapter) => (await activate(state, adapter)) && (await load());

  function pick(adapter) {
    chosen = adapter;
    remember();
    draw();
    root.querySelector(`[data-row="${CSS.escape(adapter)}"]`)?.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    if (!state.versions.length) {
      fill(places.stage, emptyState(t("versions.none"), t("versions.none_text")));
      return;
    }
    fill(places.stage, onStage());
    fill(places.list, panel(t("versions.all"), versionTable()));
    fill(places.past, panel(t("versions.history"), state.history.length ? timeline(state.history, pick) : h("p", { class: "soft" }, t("versions.no_history"))));
  }

  function onStage() {
    const now = state.history[0];
    return h(
      "section",
      { class: "panel on-stage" },
      h(
        "div",
        { class: "row spread" },
        h(
          "div",
          {},
          h("p", { class: "soft" }, t("versions.on_stage")),
          h("h2", { class: "stage-name" }, state.active ?? t("versions.bare")),
          now
            ? h("p", { class: "soft" }, t("versions.since", { at: when(now.at), who: who(now.who) }))
            : null,
        ),
        admin
          ? button({ text: t("versions.rollback"), symbol: "undo", kind: "danger", press: () => void goBack(), key: "rollback", disabled: !state.earlier.length })
          : null,
      ),
      h("p", { class: "stage-next" }, t("versions.what_happens")),
      state.watched_until
        ? h("p", { class: "soft" }, t("versions.watched", { at: when(state.watched_until) }))
        : null,
    );
  }

  function versionTable() {
    return dataTable({
      caption: t("versions.all"),
      rows: state.versions,
      rowKey: (one) => one.id,
      current: chosen,
      columns: [
        {
          title: t("versions.version"),
          cell: (one) =>
            h(
              "div",
              { class: "version" },
              h("strong", {}, one.id),
              h("span", { class: "soft" }, one.parent ? t("versions.from", { parent: one.parent }) : t("versions.no_parent")),
              h("span", { class: "row" }, marks(one)),
            ),
        },
        {
          title: t("versions.made"),
          cell: (one) =>
            one.night
              ? h("a", { href: hashOf("nights", { date: one.night }) }, when(one.created_at))
              : when(one.created_at),
        },
        {
          title: t("versions.learnt"),
          align: "number",
          cell: (one) =>
            one.pairs
              ? t("versions.learnt_from", { pairs: count(one.pairs), visitors: count(one.visitors) })
              : "–",
        },
        admin ? { title: t("versions.acts"), cell: act } : null,
      ].filter(Boolean),
    });
  }

  function marks(one) {
    return [
      chip(t(`versions.kind_${["sft", "night", "dpo"].includes(one.kind) ? one.kind : "other"}`)),
      one.active ? chip(t("versions.active"), "gold") : null,
      one.tainted_at ? chip(t("versions.tainted"), "bad", one.taint_reason) : null,
      one.on_disk || one.tainted_at ? null : chip(t("versions.gone"), "warn"),
      one.deployed ? null : chip(t("versions.never")),
    ];
  }

  function act(one) {
    if (one.active || one.tainted_at || !one.on_disk) return null;
    return button({ text: t("versions.activate"), kind: "quiet", press: () => void putOn(one.id), key: `on-${one.id}` });
  }

  await load();
  void loadFigures();
  return {
    keys: admin ? [{ keys: ["r"], text: "versions.key_rollback", run: () => void goBack() }] : [],
  };
}
