// The replies that visitors saw: found by a filter, opened one by one.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { go, stay } from "../place.js";
import { attempt, count, emptyState, errorState, loadingState } from "../ui.js";
import { bulkMenu } from "./bulk.js";
import { openBulks } from "./bulks.js";
import { openDetail } from "./detail.js";
import { asQuery, isFiltered, readFilter } from "./fields.js";
import { filterBar } from "./filters.js";
import { remember } from "./found.js";
import { replyTable } from "./table.js";
import { viewsMenu } from "./views.js";

/** Opens the list, or with `reply` in the address one of them. */
export async function open(root, place) {
  const wanted = place.query.get("reply");
  return wanted ? openDetail(root, wanted, place.query) : openList(root, place);
}

async function openList(root, { query, me }) {
  const state = {
    ...readFilter(query),
    rows: [],
    next: null,
    total: null,
    marked: 0,
    adapters: [],
    asking: null,
  };
  const bar = h("div", {});
  const result = h("div", { class: "replies-result", "aria-live": "off" });
  const admin = me.operator.role === "admin";
  let focusSearch = () => {};

  const change = (filter, sort) => {
    Object.assign(state, { filter, sort });
    stay(asQuery(filter, sort));
    drawBar();
    void load();
  };

  function drawBar() {
    const { filter, sort, adapters } = state;
    const filters = filterBar({ filter, sort, adapters, change });
    focusSearch = filters.focus;
    fill(bar, viewsMenu({ filter, sort, change }), filters.element);
  }

  async function load(cursor = null) {
    state.asking?.abort();
    state.asking = new AbortController();
    if (!cursor) fill(result, loadingState());
    try {
      const answer = await get("replies", { ...asQuery(state.filter, state.sort), cursor }, state.asking.signal);
      state.rows = cursor ? [...state.rows, ...answer.replies] : answer.replies;
      state.next = answer.next;
      state.total = answer.count;
      if (!cursor) state.marked = 0;
      remember(state.rows);
      drawResult();
    } catch (error) {
      if (error.name === "AbortError") return;
      fill(result, errorState(error, () => void load(cursor)));
    }
  }

  function drawResult() {
    const row = state.rows[state.marked];
    fill(
      result,
      h(
        "div",
        { class: "row spread intro" },
        h("p", { class: "replies-count" }, told(state.total)),
        h("div", { class: "row" }, acts()),
      ),
      state.rows.length
        ? replyTable({ rows: state.rows, current: row?.id, press: openRow })
        : emptyState(
            t(isFiltered(state.filter) ? "replies.none_found" : "replies.none"),
            t(isFiltered(state.filter) ? "replies.none_found_text" : "replies.none_text"),
          ),
      state.next
        ? h(
            "p",
            { class: "replies-next" },
            button({ text: t("common.more"), kind: "quiet", key: "more", press: () => void load(state.next) }),
          )
        : null,
    );
  }

  function acts() {
    const filtered = isFiltered(state.filter);
    const some = state.rows.length > 0;
    return [
      filtered && some
        ? bulkMenu({ filter: state.filter, total: state.total, done: () => void load() })
        : null,
      admin && some
        ? button({
            text: t(filtered ? "replies.export" : "replies.export_all"),
            symbol: "save",
            kind: "quiet",
            key: "export",
            press: () => go("export", asQuery(state.filter)),
          })
        : null,
      button({ text: t("replies.bulks"), symbol: "log", kind: "quiet", key: "bulks", press: showBulks }),
    ];
  }

  const showBulks = () => openBulks(() => void load());
  const openRow = (row) => go("replies", { ...asQuery(state.filter, state.sort), reply: row.id });

  const move = (by) => {
    if (!state.rows.length) return;
    state.marked = Math.max(0, Math.min(state.rows.length - 1, state.marked + by));
    drawResult();
    const line = result.querySelector('tr[aria-current="true"]');
    line?.scrollIntoView({ block: "nearest" });
    line?.focus({ preventScroll: true });
  };

  fill(root, bar, result);
  drawBar();
  await Promise.all([
    load(),
    attempt(() => get("adapters")).then((answer) => {
      state.adapters = answer?.adapters ?? [];
      drawBar();
    }),
  ]);
  return {
    keys: [
      { keys: ["ArrowDown", "j"], text: "replies.key_next", run: () => move(1) },
      { keys: ["ArrowUp", "k"], text: "replies.key_previous", run: () => move(-1) },
      {
        keys: ["Enter", "o"],
        text: "replies.key_open",
        run: () => state.rows[state.marked] && openRow(state.rows[state.marked]),
      },
      { keys: ["/"], text: "replies.key_search", run: () => focusSearch() },
      {
        keys: ["b"],
        text: "replies.key_bulk",
        run: () => result.querySelector("[data-k=bulk]")?.click(),
      },
      { keys: ["s"], text: "replies.view_save", run: () => bar.querySelector("[data-k=view-save]")?.click() },
      { keys: ["v"], text: "replies.key_views", run: () => bar.querySelector("[data-k=view-0]")?.focus() },
      { keys: ["m"], text: "replies.key_bulks", run: showBulks },
      ...(admin
        ? [
            {
              keys: ["e"],
              text: "replies.key_export",
              run: () => result.querySelector("[data-k=export]")?.click(),
            },
          ]
        : []),
      {
        keys: ["r"],
        text: "replies.key_review",
        run: () =>
          state.rows[state.marked] &&
          go("queue", { reply: state.rows[state.marked].id }),
      },
    ],
    close: () => state.asking?.abort(),
  };
}

function told(total) {
  return t(total.more ? "replies.count_more" : "replies.count", { n: count(total.value) });
}
