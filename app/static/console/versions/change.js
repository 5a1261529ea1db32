// Putting a version on stage, or going back to the one before, with a reason.

import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, confirmDialog, toast } from "../ui.js";

/** Asks for a reason and goes back to the version before. Resolves to whether it was done. */
export async function rollBack(state) {
  const target = state.earlier[0];
  if (!target) {
    toast(t("versions.nothing_earlier"), "bad");
    return false;
  }
  const why = await confirmDialog({
    title: t("versions.rollback_title"),
    text: t("versions.rollback_text", { from: state.active, to: target }),
    yes: t("versions.rollback_yes"),
    reason: { label: t("versions.why"), required: true },
  });
  return why !== null && (await change("versions/rollback", why, state));
}

/** Asks for a reason and puts `adapter` on stage. Resolves to whether it was done. */
export async function activate(state, adapter) {
  const why = await confirmDialog({
    title: t("versions.activate_title"),
    text: t("versions.activate_text", { to: adapter, from: state.active ?? "–" }),
    yes: t("versions.activate_yes"),
    kind: "gold",
    reason: { label: t("versions.why"), required: true },
  });
  const path = `versions/${encodeURIComponent(adapter)}/activate`;
  return why !== null && (await change(path, why, state));
}

async function change(path, why, state) {
  const answer = await attempt(() => send("POST", path, { why, seen: state.active }));
  if (answer) toast(t("versions.changed", { to: answer.active }));
  return answer !== null;
}
