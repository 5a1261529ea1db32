// The bulk actions there were: what each of them did, how it stands, and its undo.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, chip, count, dataTable, emptyState, loadingState, openDialog, toast, when } from "../ui.js";
import { filterChips } from "./filter_words.js";

const LOOK_MS = 1000;
const AT_WORK = ["running", "undoing"];
const KINDS = { running: "gold", finished: "good", broken: "bad", undoing: "gold", undone: "plain" };

/** Opens the list of bulk actions; `changed` is called when one of them was undone. */
export function openBulks(changed) {
  const list = h("div", { class: "bulks", "aria-live": "polite" }, loadingState());
  let timer = null;
  let open = true;

  const look = async () => {
    clearTimeout(timer);
    const answer = await attempt(() => get("bulk"));
    if (!answer || !open) return;
    fill(list, bulkTable(answer.bulk, undo));
    if (answer.bulk.some((one) => AT_WORK.includes(one.state))) timer = setTimeout(look, LOOK_MS);
  };

  const undo = async (one) => {
    if (!(await undoBulk(one.id))) return;
    changed();
    await look();
  };

  const dialog = openDialog(
    "bulks",
    t("replies.bulks"),
    h("p", { class: "dialog-text soft" }, t("replies.bulks_text")),
    list,
    h(
      "div",
      { class: "dialog-acts" },
      button({ text: t("common.close"), kind: "quiet", press: () => dialog.close() }),
    ),
  );
  dialog.addEventListener("close", () => {
    open = false;
    clearTimeout(timer);
  });
  void look();
}

/** Takes a bulk action back; whether that was begun. */
export async function undoBulk(id) {
  const answer = await attempt(() => send("POST", `bulk/${id}/undo`));
  if (answer) toast(t("replies.bulk_undone"));
  return answer !== null;
}

function bulkTable(rows, undo) {
  if (!rows.length) return emptyState(t("replies.bulks_none"), t("replies.bulks_none_text"));
  return dataTable({
    caption: t("replies.bulks"),
    rows,
    rowKey: (one) => one.id,
    columns: [
      {
        title: t("replies.bulks_when"),
        cell: (one) => [h("div", {}, when(one.at)), h("div", { class: "soft" }, one.operator)],
      },
      {
        title: t("replies.bulks_what"),
        cell: (one) => [
          h("div", {}, t(`replies.bulk_${one.action}`)),
          h("div", { class: "row bulks-which" }, which(one.filter)),
        ],
      },
      { title: t("replies.bulks_count"), align: "number", cell: (one) => count(one.count) },
      { title: t("replies.bulks_state"), cell: state },
      {
        title: "",
        cell: (one) =>
          one.undone_at
            ? null
            : button({
                text: t("common.undo"),
                symbol: "undo",
                kind: "quiet",
                key: `undo-${one.id}`,
                press: () => void undo(one),
              }),
      },
    ],
  });
}

function which(filter) {
  if (filter.selected) return chip(t("replies.bulks_picked", { n: count(filter.selected) }));
  return filterChips(filter);
}

function state(one) {
  return [
    chip(t(`replies.state_${one.state}`), KINDS[one.state]),
    one.undone_by
      ? h("div", { class: "soft" }, t("replies.undone_by", { operator: one.undone_by, at: when(one.undone_at) }))
      : null,
  ];
}
