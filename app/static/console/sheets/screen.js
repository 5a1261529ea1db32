// Blind sheets and the duel: the list, and the way to rating, results and the duel.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { go } from "../place.js";
import {
  attempt,
  chip,
  confirmDialog,
  dataTable,
  emptyState,
  errorState,
  progressBar,
  tabs,
  when,
} from "../ui.js";
import { drawDuels } from "./duels.js";
import { askForSheet } from "./make.js";
import { openRating } from "./rating.js";
import { drawResults } from "./results.js";

const POLL_MS = 1500;
const STATES = { making: "warn", stopped: "bad", failed: "bad", ready: "good", closed: "plain" };

/** Opens the list, or what the query names: view=rate or results with sheet=id, view=duel. */
export async function open(root, { query, me }) {
  const [view, sheet] = [query.get("view"), query.get("sheet")];
  if (view === "rate" && sheet) return openRating(root, sheet, Number(query.get("item")) || null);
  if (view === "results" && sheet) {
    fill(root, ...(await drawResults(sheet, me)));
    return { keys: [{ keys: ["Escape"], text: "sheets.key_back", run: () => go("sheets") }] };
  }
  if (view === "duel") {
    fill(root, choices("duel"), ...drawDuels(await get("duels")));
    return { keys: [{ keys: ["1"], text: "sheets.key_list", run: () => go("sheets") }] };
  }
  return openList(root, me);
}

function choices(value) {
  return tabs({
    label: t("sheets.title"),
    value,
    options: [
      { value: "list", text: t("sheets.tab_list") },
      { value: "duel", text: t("sheets.tab_duel") },
    ],
    change: (next) => go("sheets", next === "duel" ? { view: "duel" } : {}),
  });
}

async function openList(root, me) {
  const admin = me.operator.role === "admin";
  let timer = 0;
  let closed = false;

  async function refresh() {
    clearTimeout(timer);
    try {
      const { sheets } = await get("sheets");
      if (closed) return;
      draw(sheets);
      if (sheets.some((one) => one.status === "making")) timer = setTimeout(refresh, POLL_MS);
    } catch (error) {
      if (!closed) fill(root, choices("list"), errorState(error, refresh));
    }
  }

  async function make() {
    if (await askForSheet()) await refresh();
  }

  async function act(one, action, sure = null) {
    if (sure && (await confirmDialog(sure)) === null) return;
    await attempt(() => send("POST", `sheets/${one.id}/${action}`));
    await refresh();
  }

  const close = (one) =>
    act(one, "close", {
      title: t("sheets.close_title", { name: one.name }),
      text: t("sheets.close_text"),
      yes: t("sheets.close"),
    });

  function acts(one) {
    const link = (text, query, kind = "quiet") =>
      button({ text, kind, press: () => go("sheets", { ...query, sheet: one.id }) });
    const items = [];
    if (one.status === "ready") {
      const kind = one.mine < one.items ? "gold" : "quiet";
      items.push(link(t("sheets.rate"), { view: "rate" }, kind));
    }
    if (one.status === "closed" || (admin && one.status === "ready")) {
      items.push(link(t("sheets.results"), { view: "results" }));
    }
    if (!admin) return h("span", { class: "row" }, items);
    const press = (text, run) => button({ text, kind: "quiet", press: run });
    if (one.status === "making") items.push(press(t("sheets.stop"), () => act(one, "stop")));
    if (one.status === "stopped" || one.status === "failed") {
      items.push(press(t("sheets.resume"), () => act(one, "resume")));
    }
    if (one.status === "ready") items.push(press(t("sheets.close"), () => close(one)));
    return h("span", { class: "row" }, items);
  }

  const columns = [
    {
      title: t("sheets.name"),
      cell: (one) =>
        h(
          "div",
          {},
          h("strong", {}, one.name),
          h("p", { class: "soft" }, about(one)),
          one.error ? h("p", { class: "field-fault" }, one.error) : null,
        ),
    },
    {
      title: t("sheets.state"),
      cell: (one) => chip(t(`sheets.state_${one.status}`), STATES[one.status]),
    },
    { title: t("sheets.progress"), cell: progress },
    { title: t("sheets.raters"), align: "number", cell: (one) => String(one.raters) },
    { title: t("sheets.acts"), cell: acts },
  ];

  function draw(sheets) {
    const add = button({ text: t("sheets.make"), symbol: "plus", kind: "gold", press: make });
    fill(
      root,
      choices("list"),
      h(
        "div",
        { class: "row spread intro" },
        h("p", { class: "soft" }, t("sheets.intro")),
        admin && sheets.length ? add : null,
      ),
      sheets.length
        ? dataTable({ caption: t("sheets.title"), rows: sheets, columns, rowKey: (one) => one.id })
        : emptyState(
            t("sheets.none"),
            t(admin ? "sheets.none_admin" : "sheets.none_reviewer"),
            admin ? add : null,
          ),
    );
  }

  await refresh();
  const keys = [{ keys: ["2"], text: "sheets.key_duel", run: () => go("sheets", { view: "duel" }) }];
  if (admin) keys.unshift({ keys: ["n"], text: "sheets.make", run: make });
  return {
    keys,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function about(one) {
  const words = t("sheets.about", {
    when: when(one.created_at),
    metrics: one.metrics.length,
    versions: one.version_count,
  });
  return one.versions ? `${words} · ${one.versions.join(" / ")}` : words;
}

function progress(one) {
  if (one.status === "making" || one.status === "stopped" || one.status === "failed") {
    return progressBar(one.answers, one.items * one.version_count, t("sheets.made"));
  }
  return h(
    "div",
    {},
    progressBar(one.mine, one.items, t("sheets.mine")),
    h("p", { class: "soft" }, t("sheets.mine")),
  );
}
