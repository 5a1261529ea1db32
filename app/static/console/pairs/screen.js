// The pair inbox: tonight's pairs, conflicts, and the dry run, each behind its tab.

import { h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { go } from "../place.js";
import { tabs } from "../ui.js";
import { openConflicts } from "./conflicts.js";
import { openInbox } from "./inbox.js";
import { openRehearsal } from "./rehearsal.js";

const TABS = { inbox: openInbox, conflicts: openConflicts, rehearsal: openRehearsal };

/** Opens the tab that the address names. */
export async function open(root, place) {
  const wanted = place.query.get("tab");
  const tab = wanted in TABS ? wanted : "inbox";
  const room = h("div", { class: "pair-room" });
  const to = (value) => go("pairs", { tab: value === "inbox" ? null : value });
  root.append(
    tabs({
      label: t("pairs.tabs"),
      value: tab,
      options: Object.keys(TABS).map((value) => ({ value, text: t(`pairs.tab_${value}`) })),
      change: to,
    }),
    room,
  );
  const opened = await TABS[tab](room, place);
  const names = Object.keys(TABS);
  const beside = (step) => to(names[(names.indexOf(tab) + step + names.length) % names.length]);
  return {
    ...opened,
    keys: [
      ...opened.keys,
      { keys: ["]"], text: "pairs.key_next_tab", run: () => beside(1) },
      { keys: ["["], text: "pairs.key_previous_tab", run: () => beside(-1) },
    ],
  };
}
