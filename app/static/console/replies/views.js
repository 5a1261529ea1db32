// Filters that an operator gave a name.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, confirmDialog, field, input, openDialog, toast } from "../ui.js";
import { isFiltered } from "./fields.js";

const SCREEN = "replies";

/** Returns the row of saved views; `change(filter, sort)` applies one. */
export function viewsMenu({ filter, sort, change }) {
  const row = h("div", { class: "row replies-views" });

  async function draw() {
    const answer = await attempt(() => get("views", { screen: SCREEN }));
    const views = answer?.views ?? [];
    fill(
      row,
      views.map((view, at) =>
        h(
          "span",
          { class: "view" },
          button({
            text: view.name,
            kind: "quiet",
            key: `view-${at}`,
            press: () => change(view.query.filter, view.query.sort),
          }),
          button({
            label: t("replies.view_remove", { name: view.name }),
            symbol: "close",
            press: () => remove(view),
          }),
        ),
      ),
      isFiltered(filter)
        ? button({ text: t("replies.view_save"), symbol: "save", kind: "link", key: "view-save", press: save })
        : null,
    );
  }

  async function remove(view) {
    const sure = await confirmDialog({
      title: t("replies.view_remove_title", { name: view.name }),
      yes: t("replies.remove"),
    });
    if (sure === null) return;
    if (await attempt(() => send("DELETE", `views/${view.id}`))) await draw();
  }

  function save() {
    const name = input({ maxlength: "60" });
    const keep = async (event) => {
      event.preventDefault();
      const body = { screen: SCREEN, name: name.value.trim(), query: { filter, sort } };
      if (!(await attempt(() => send("POST", "views", body)))) return;
      dialog.close();
      toast(t("replies.view_saved", { name: body.name }));
      await draw();
    };
    const dialog = openDialog(
      "view",
      t("replies.view_save"),
      h(
        "form",
        { on: { submit: keep } },
        field(t("replies.view_name"), name),
        h(
          "div",
          { class: "dialog-acts" },
          button({ text: t("common.cancel"), kind: "quiet", press: () => dialog.close() }),
          h("button", { type: "submit", class: "btn btn-gold" }, t("common.save")),
        ),
      ),
    );
    name.focus();
  }

  void draw();
  return row;
}
