// The list of facts: one is marked, changed where it stands, retired or brought back.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, chip, confirmDialog, emptyState, field, input, toast } from "../ui.js";
import { openHistory } from "./history.js";
import { proposeInstead } from "./write.js";

/** Returns the list that draws into `place`; `changed(id)` is called when it should be read anew. */
export function openFacts(place, { admin, changed }) {
  let facts = [];
  let current = 0;
  let editing = null;

  function draw(found, { current: wanted = null, filtered = false } = {}) {
    const before = wanted ?? facts[current]?.id;
    facts = found;
    editing = null;
    current = Math.max(0, facts.findIndex((one) => one.id === before));
    redraw(filtered);
    if (wanted) show();
  }

  function redraw(filtered = true) {
    if (!facts.length) {
      fill(place, emptyState(t("facts.none"), t(filtered ? "facts.none_found" : "facts.none_yet")));
      return;
    }
    fill(place, h("ol", { class: "known-list" }, facts.map(line)));
  }

  function line(one, index) {
    const open = editing?.id === one.id;
    return h(
      "li",
      {
        class: `known known-${one.state}`,
        "aria-current": index === current ? "true" : null,
        data: { fact: one.id },
        on: { click: () => mark(index) },
      },
      open ? form(one) : [words(one), acts(one)],
    );
  }

  function words(one) {
    return h(
      "div",
      { class: "known-words" },
      h("p", { class: "known-text said" }, one.text),
      h(
        "p",
        { class: "known-marks" },
        chip(t(`facts.origin_${one.origin}`), one.origin === "card" ? "plain" : "gold"),
        one.original ? chip(t("facts.changed"), "gold") : null,
        one.state === "retired" ? chip(t("facts.retired"), "bad") : null,
        one.original
          ? h("span", { class: "soft known-original" }, t("facts.original", { text: one.original }))
          : null,
      ),
    );
  }

  function acts(one) {
    const known = one.state === "known";
    return h(
      "div",
      { class: "known-acts" },
      known
        ? button({
            label: t(admin ? "facts.edit" : "facts.propose_edit"),
            symbol: "edit",
            key: `edit-${one.id}`,
            press: () => edit(one),
          })
        : null,
      admin
        ? button({
            label: t(known ? "facts.retire" : "facts.restore"),
            symbol: known ? "moon" : "undo",
            key: `retire-${one.id}`,
            press: () => turn(one),
          })
        : null,
      h(
        "button",
        {
          type: "button",
          class: "btn btn-ghost known-history",
          "aria-label": t("facts.history"),
          title: t("facts.history"),
          on: { click: () => void openHistory(one) },
        },
        t("facts.history_count", { n: one.changes }),
      ),
    );
  }

  function form(one) {
    editing.text = h("textarea", { class: "area", rows: "2", maxlength: "200" });
    editing.text.value = one.text;
    editing.why = input({ maxlength: "500", placeholder: t("facts.why_hint") });
    return h(
      "form",
      {
        class: "known-form",
        on: {
          submit: (event) => {
            event.preventDefault();
            void save();
          },
        },
      },
      field(t("facts.text"), editing.text, t("facts.text_hint")),
      field(t("facts.why"), editing.why),
      h(
        "div",
        { class: "row known-form-acts" },
        button({ text: t("common.cancel"), kind: "quiet", press: leave }),
        h("button", { type: "submit", class: "btn btn-gold" }, t("common.save")),
      ),
    );
  }

  function edit(one) {
    if (!admin) {
      void proposeInstead(one).then((made) => made && changed());
      return;
    }
    editing = { id: one.id, before: one.text };
    current = facts.indexOf(one);
    redraw();
    editing.text.focus();
    editing.text.setSelectionRange(one.text.length, one.text.length);
  }

  async function save() {
    if (!editing) return;
    const { id, before, text, why } = editing;
    if (text.value.trim() === before) {
      leave();
      return;
    }
    const body = { before, after: text.value, why: why.value };
    const answer = await attempt(() => send("PUT", `facts/${id}`, body));
    if (!answer) return;
    toast(t("facts.saved"));
    await changed(id);
  }

  async function turn(one) {
    const known = one.state === "known";
    const why = await confirmDialog({
      title: t(known ? "facts.retire_title" : "facts.restore_title"),
      text: `「${one.text}」${t(known ? "facts.retire_text" : "facts.restore_text")}`,
      yes: t(known ? "facts.retire" : "facts.restore"),
      kind: known ? "danger" : "gold",
      reason: { label: t("facts.why"), required: false },
    });
    if (why === null) return;
    const verb = known ? "retire" : "restore";
    const answer = await attempt(() => send("POST", `facts/${one.id}/${verb}`, { why }));
    if (!answer) return;
    const back = known ? "restore" : "retire";
    toast(t(known ? "facts.retired_now" : "facts.restored_now"), "plain", {
      text: t("common.undo"),
      press: async () => {
        const done = await attempt(() =>
          send("POST", `facts/${one.id}/${back}`, { why: t("facts.undone") }),
        );
        if (done) await changed(one.id);
      },
    });
    await changed();
  }

  function mark(index) {
    if (index === current) return;
    current = index;
    for (const [at, item] of [...place.querySelectorAll(".known")].entries()) {
      if (at === index) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    }
  }

  const show = () => {
    place.querySelector(".known[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  };

  function leave() {
    if (!editing) return;
    editing = null;
    redraw();
  }

  return {
    draw,
    save: () => void save(),
    leave,
    move(by) {
      if (!facts.length || editing) return;
      mark(Math.min(Math.max(current + by, 0), facts.length - 1));
      show();
    },
    first() {
      if (facts[current]?.state === "known") edit(facts[current]);
    },
    second() {
      if (admin && facts[current]) void turn(facts[current]);
    },
    third() {
      if (facts[current]) void openHistory(facts[current]);
    },
  };
}
