// One approval of everything that a filter finds, and taking it back.

import { dayOf, t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, confirmDialog, toast } from "../ui.js";

/** Asks, then approves all undecided pairs of the filter; resolves to {id, count}, or null. */
export async function approveFound(filter, inbox) {
  const asked = { ...filter, status: "proposed", limit: 1 };
  const found = await attempt(() => get("pairs", asked));
  if (!found) return null;
  if (!found.total) {
    toast(t("pairs.approve_all_none"));
    return null;
  }
  const sure = await confirmDialog({
    title: t("pairs.approve_all_title", { n: found.total }),
    text: t("pairs.approve_all_text", { what: inWords(filter, inbox) }),
    yes: t("pairs.approve_all_yes"),
    kind: "gold",
  });
  if (sure === null) return null;
  const margin = filter.margin_above === "" ? null : Number(filter.margin_above);
  const body = { night: inbox.night, source: filter.source || null, margin_above: margin };
  const done = await attempt(() => send("POST", "pairs/approve-found", body));
  return done ? { id: done.bulk, count: done.count } : null;
}

/** Takes such an approval back; whether it did. */
export async function undoFound(bulk) {
  const done = await attempt(() => send("POST", `pairs/bulk/${bulk.id}/undo`));
  if (!done) return false;
  toast(
    done.kept
      ? t("pairs.told_undo_some", { n: done.restored, kept: done.kept })
      : t("pairs.told_undo_all", { n: done.restored }),
  );
  return true;
}

function inWords(filter, inbox) {
  const parts = [
    inbox.night ? t("pairs.of_night", { day: dayOf(inbox.night) }) : t("pairs.night_all"),
    filter.source ? t(`pairs.source_${filter.source}`) : null,
    filter.margin_above === "" ? null : t("pairs.of_margin", { margin: filter.margin_above }),
  ];
  return parts.filter(Boolean).join(t("pairs.and"));
}
