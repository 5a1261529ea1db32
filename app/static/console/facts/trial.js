// A question to try: which facts her prompt would hold beside it.

import { fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, field, input, number, panel } from "../ui.js";

/** Returns the panel with `limit(n)`, how many facts a prompt holds, and `focus()`. */
export function drawTrial() {
  const before = input({ maxlength: "500" });
  const question = input({ maxlength: "500", placeholder: t("facts.question_hint") });
  const hint = h("p", { class: "soft" });
  const found = h("div", { class: "trial-found", "aria-live": "polite" });

  async function ask(event) {
    event.preventDefault();
    if (!question.value.trim()) return;
    const history = before.value.trim() ? [{ role: "user", content: before.value }] : [];
    const body = { question: question.value, history };
    const answer = await attempt(() => send("POST", "facts/try", body));
    if (answer) fill(found, list(answer.facts));
  }

  const element = panel(
    t("facts.try"),
    hint,
    h(
      "form",
      { class: "trial", on: { submit: (event) => void ask(event) } },
      field(t("facts.question"), question),
      h(
        "details",
        {},
        h("summary", {}, t("facts.before")),
        field(t("facts.before_label"), before, t("facts.before_hint")),
      ),
      h("button", { type: "submit", class: "btn btn-quiet" }, t("facts.try_now")),
    ),
    found,
  );
  element.classList.add("facts-trial");
  return {
    element,
    focus: () => question.focus(),
    limit: (n) => {
      hint.textContent = t("facts.try_text", { n });
    },
  };
}

function list(facts) {
  if (!facts.length) return h("p", { class: "soft" }, t("facts.try_none"));
  return h(
    "ol",
    { class: "trial-facts" },
    facts.map((one) =>
      h(
        "li",
        {},
        h("span", { class: "trial-rank" }, String(one.rank)),
        h("span", { class: "said" }, one.text),
        h("span", { class: "soft", title: t("facts.score_hint") }, number(one.score, 1)),
      ),
    ),
  );
}
