// The inbox of proposed facts: what is wrong or missing, where it was said, and the decision.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, chip, confirmDialog, emptyState, field, toast, when } from "../ui.js";

/** Returns the inbox that draws into `place`; `changed()` is called when it should be read anew. */
export function openProposals(place, { admin, changed }) {
  let open = [];
  let current = 0;

  function draw(found) {
    open = found;
    current = Math.min(current, Math.max(0, open.length - 1));
    if (!open.length) {
      fill(place, emptyState(t("facts.no_proposals"), t("facts.no_proposals_text")));
      return;
    }
    fill(place, h("ol", { class: "proposals" }, open.map(card)));
  }

  function card(one, index) {
    const words = h("textarea", {
      class: "area proposal-text",
      rows: "2",
      maxlength: "200",
      readonly: !admin,
    });
    words.value = one.text;
    words.addEventListener("input", () => {
      one.text = words.value;
    });
    return h(
      "li",
      {
        class: "panel proposal",
        "aria-current": index === current ? "true" : null,
        data: { proposal: one.id },
        on: { click: () => mark(index), focusin: () => mark(index) },
      },
      h(
        "p",
        { class: "row proposal-head" },
        chip(t(`facts.kind_${one.kind}`), one.kind === "wrong" ? "warn" : "gold"),
        h("span", { class: "soft" }, t("facts.proposed_by", { name: one.proposed_by })),
        h("time", { class: "soft", datetime: one.at }, when(one.at)),
      ),
      one.said ? talk(one) : null,
      one.replaces
        ? h(
            "p",
            { class: "proposal-old said" },
            h("span", { class: "soft" }, t("facts.now")),
            one.replaces,
          )
        : null,
      field(
        t(one.replaces ? "facts.words_instead" : "facts.words_new"),
        words,
        one.text || !admin ? "" : t("facts.words_missing"),
      ),
      admin ? acts(one) : null,
    );
  }

  function talk(one) {
    return h(
      "dl",
      { class: "proposal-talk" },
      h("dt", {}, t("facts.asked")),
      h("dd", { class: "said" }, one.asked),
      h("dt", {}, t("facts.answered")),
      h("dd", { class: "said" }, one.said),
    );
  }

  function acts(one) {
    return h(
      "div",
      { class: "row proposal-acts" },
      button({ text: t("facts.accept"), symbol: "check", kind: "gold", press: () => accept(one) }),
      button({ text: t("facts.decline"), kind: "quiet", press: () => decline(one) }),
    );
  }

  async function accept(one) {
    if (!one.text.trim()) {
      words().focus();
      toast(t("facts.words_missing"), "bad");
      return;
    }
    const body = { text: one.text, why: t("facts.accepted_why", { name: one.proposed_by }) };
    const answer = await attempt(() => send("POST", `proposals/${one.id}/accept`, body));
    if (!answer) return;
    toast(t("facts.accepted"));
    await changed();
  }

  async function decline(one) {
    const why = await confirmDialog({
      title: t("facts.decline_title"),
      text: one.text ? `「${one.text}」` : "",
      yes: t("facts.decline"),
      reason: { label: t("facts.decline_why"), required: true },
    });
    if (why === null) return;
    const answer = await attempt(() => send("POST", `proposals/${one.id}/decline`, { why }));
    if (!answer) return;
    toast(t("facts.declined"));
    await changed();
  }

  function mark(index) {
    current = index;
    for (const [at, item] of [...place.querySelectorAll(".proposal")].entries()) {
      if (at === index) item.setAttribute("aria-current", "true");
      else item.removeAttribute("aria-current");
    }
  }

  const words = () => place.querySelector(".proposal[aria-current=true] .proposal-text");

  return {
    draw,
    save() {
      if (admin && open[current]) void accept(open[current]);
    },
    leave: () => document.activeElement?.blur?.(),
    move(by) {
      if (!open.length) return;
      mark(Math.min(Math.max(current + by, 0), open.length - 1));
      place.querySelector(".proposal[aria-current=true]").scrollIntoView({ block: "nearest" });
    },
    first(event) {
      if (!admin || !open[current]) return;
      if (event.key === "e") words().focus();
      else void accept(open[current]);
    },
    second() {
      if (admin && open[current]) void decline(open[current]);
    },
    third() {},
  };
}
