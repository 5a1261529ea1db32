// The dialog in which a fact is written: admins add it, reviewers propose it.

import { button, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, field, input, openDialog, toast } from "../ui.js";

/** Lets somebody write a new fact; resolves to what was made, null when they leave. */
export function writeFact({ admin }) {
  const title = t(admin ? "facts.add" : "facts.propose");
  return ask({ title, said: t(admin ? "facts.added_now" : "facts.proposed_now"), admin }, (body) =>
    admin
      ? send("POST", "facts", body)
      : send("POST", "proposals", { kind: "missing", text: body.text }),
  );
}

/** Lets a reviewer propose other words for a known fact; resolves to the proposal or null. */
export function proposeInstead(fact) {
  const words = { title: t("facts.propose_edit"), said: t("facts.proposed_now"), admin: false };
  return ask({ ...words, text: fact.text }, (body) =>
    send("POST", "proposals", { kind: "wrong", text: body.text, replaces: fact.text }),
  );
}

function ask({ title, said, admin, text = "" }, write) {
  return new Promise((resolve) => {
    let made = null;
    const words = h("textarea", { class: "area", rows: "2", maxlength: "200", autofocus: true });
    words.value = text;
    const why = input({ maxlength: "500", placeholder: t("facts.why_hint") });
    const save = async () => {
      made = await attempt(() => write({ text: words.value, why: why.value }));
      if (!made) return;
      toast(said);
      dialog.close();
    };
    const dialog = openDialog(
      "fact",
      title,
      h(
        "form",
        {
          class: "known-form",
          on: {
            submit: (event) => {
              event.preventDefault();
              void save();
            },
            keydown: (event) => {
              if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              void save();
            },
          },
        },
        field(t("facts.text"), words, t("facts.text_hint")),
        admin ? field(t("facts.why"), why) : null,
        h(
          "div",
          { class: "dialog-acts" },
          button({ text: t("common.cancel"), kind: "quiet", press: () => dialog.close() }),
          h(
            "button",
            { type: "submit", class: "btn btn-gold" },
            t(admin ? "common.save" : "facts.propose"),
          ),
        ),
      ),
    );
    dialog.addEventListener("close", () => resolve(made));
  });
}
