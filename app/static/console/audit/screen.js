// The log of deeds, newest first. For admins.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { attempt, dataTable, emptyState, when } from "../ui.js";

/** Opens the log. */
export async function open(root) {
  const deeds = [];
  let next = null;

  const load = async () => {
    const answer = await attempt(() => get("audit", { before: next }));
    if (!answer) return;
    deeds.push(...answer.deeds);
    next = answer.next;
    draw();
  };

  const columns = () => [
    { title: t("audit.at"), cell: (one) => when(one.at), width: "150" },
    { title: t("audit.actor"), cell: (one) => one.actor, width: "160" },
    { title: t("audit.action"), cell: (one) => h("code", {}, one.action), width: "190" },
    { title: t("audit.detail"), cell: (one) => h("span", { class: "said soft" }, told(one.detail)) },
  ];

  const draw = () => {
    fill(
      root,
      h("p", { class: "soft intro" }, t("audit.intro")),
      deeds.length
        ? dataTable({ caption: t("audit.title"), rows: deeds, columns: columns() })
        : emptyState(t("audit.none")),
      next ? button({ text: t("common.more"), kind: "quiet", press: () => void load() }) : null,
    );
  };

  await load();
  return { keys: [] };
}

function told(detail) {
  return Object.entries(detail)
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("  ");
}
