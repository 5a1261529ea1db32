// What she knows: the facts with their history, the proposals, and a question to try them with.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { stay } from "../place.js";
import { attempt, input, tabs } from "../ui.js";
import { openFacts } from "./list.js";
import { openProposals } from "./proposals.js";
import { drawTrial } from "./trial.js";
import { writeFact } from "./write.js";

const STATES = ["known", "added", "edited", "retired", "all"];
const PATIENCE_MS = 200;

/** Opens the facts; `tab` of the query is a state or "proposals", `q` what is searched. */
export async function open(root, { me, query }) {
  const admin = me.operator.role === "admin";
  const wanted = query.get("tab") ?? "known";
  let tab = [...STATES, "proposals"].includes(wanted) ? wanted : "known";
  let q = query.get("q") ?? "";
  let counts = {};
  let waiting = 0;

  const head = h("div", { class: "facts-tabs" });
  const body = h("div", { class: "facts-body" });
  const search = input({
    value: q,
    type: "search",
    maxlength: "200",
    class: "input facts-search",
    placeholder: t("facts.search"),
    "aria-label": t("facts.search"),
  });
  const trial = drawTrial();
  const facts = openFacts(body, { admin, changed: load });
  const proposals = openProposals(body, { admin, changed: load });
  const shown = () => (tab === "proposals" ? proposals : facts);

  search.addEventListener("input", () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(() => {
      q = search.value.trim();
      void load();
    }, PATIENCE_MS);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") search.blur();
  });

  function drawTabs() {
    const options = [
      ...STATES.map((one) => ({ value: one, text: t(`facts.tab_${one}`), count: counts[one] })),
      { value: "proposals", text: t("facts.tab_proposals"), count: counts.proposals },
    ];
    const change = (value) => {
      tab = value;
      void load();
    };
    fill(head, tabs({ label: t("facts.tabs"), value: tab, options, change }));
  }

  async function load(current = null) {
    stay({ tab: tab === "known" ? "" : tab, q });
    search.hidden = tab === "proposals";
    const state = tab === "proposals" ? "all" : tab;
    const [list, open] = await Promise.all([get("facts", { q, state }), get("proposals")]);
    counts = { ...list.counts, proposals: open.proposals.length };
    drawTabs();
    trial.limit(list.shown_per_reply);
    if (tab === "proposals") proposals.draw(open.proposals);
    else facts.draw(list.facts, { current, filtered: q !== "" || tab !== "all" });
  }

  const add = async () => {
    const made = await writeFact({ admin });
    if (!made) return;
    if (!admin) tab = "proposals";
    else if (!["all", "added"].includes(tab)) tab = "known";
    q = "";
    search.value = "";
    await load(made.id);
  };

  const step = (by) => () => shown().move(by);
  fill(
    root,
    h(
      "div",
      { class: "row spread intro" },
      h("p", { class: "soft facts-intro" }, t(admin ? "facts.intro" : "facts.intro_reviewer")),
      button({
        text: t(admin ? "facts.add" : "facts.propose"),
        symbol: "plus",
        kind: "gold",
        key: "add",
        press: () => void add(),
      }),
    ),
    h(
      "div",
      { class: "facts-desk" },
      h("div", { class: "facts-main" }, h("div", { class: "facts-head" }, head, search), body),
      trial.element,
    ),
  );
  await load();

  return {
    keys: [
      { keys: ["ArrowDown", "ArrowRight", "j"], text: "facts.key_next", run: step(1) },
      { keys: ["ArrowUp", "ArrowLeft", "k"], text: "facts.key_before", run: step(-1) },
      { keys: ["1", "Enter", "e"], text: "facts.key_first", run: (event) => shown().first(event) },
      { keys: ["2", "r"], text: "facts.key_second", run: () => shown().second() },
      { keys: ["3", "h"], text: "facts.key_history", run: () => shown().third() },
      { keys: ["n"], text: "facts.key_add", run: () => void add() },
      { keys: ["/"], text: "facts.key_search", run: () => search.focus() },
      { keys: ["t"], text: "facts.key_try", run: () => trial.focus() },
      {
        keys: ["p"],
        text: "facts.key_proposals",
        run: () => {
          tab = tab === "proposals" ? "known" : "proposals";
          void attempt(load);
        },
      },
      { keys: ["Ctrl+Enter"], text: "facts.key_save", run: () => shown().save() },
      { keys: ["Escape"], text: "facts.key_leave", run: () => shown().leave() },
    ],
    close: () => window.clearTimeout(waiting),
  };
}
