// One verdict on everything that a filter finds, with undo.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, count, openDialog, toast } from "../ui.js";
import { openBulks, undoBulk } from "./bulks.js";

const ACTIONS = ["verdict_good", "verdict_bad", "exclude", "include"];

/** Returns the button of the bulk actions; `done` is called after one and after its undo. */
export function bulkMenu({ filter, total, done }) {
  const choose = () => {
    const dialog = openDialog(
      "bulk",
      t("replies.bulk_title", { n: count(total.value), more: total.more ? "+" : "" }),
      h("p", { class: "dialog-text" }, t("replies.bulk_text")),
      h(
        "div",
        { class: "bulk-choices" },
        ACTIONS.map((action, at) =>
          button({
            text: `${at + 1}  ${t(`replies.bulk_${action}`)}`,
            kind: "choice",
            press: () => void act(action, dialog),
          }),
        ),
      ),
      h(
        "div",
        { class: "dialog-acts" },
        button({ text: t("common.cancel"), kind: "quiet", press: () => dialog.close() }),
      ),
    );
    dialog.addEventListener("keydown", (event) => {
      const action = ACTIONS[Number(event.key) - 1];
      if (action) void act(action, dialog);
    });
  };

  async function act(action, dialog) {
    dialog.close();
    const answer = await attempt(() => send("POST", "bulk", { action, filter }));
    if (!answer) return;
    done();
    if (answer.bulk.state === "running") {
      toast(t("replies.bulk_running"), "plain", { text: t("replies.bulks"), press: () => openBulks(done) });
      return;
    }
    toast(t("replies.bulk_done", { n: count(answer.bulk.count) }), "plain", {
      text: t("common.undo"),
      press: () => void undo(answer.bulk.id),
    });
  }

  async function undo(id) {
    if (await undoBulk(id)) done();
  }

  return button({ text: t("replies.bulk"), symbol: "check", kind: "quiet", key: "bulk", press: choose });
}
