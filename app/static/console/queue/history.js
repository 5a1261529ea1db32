// Everything that was ever said of a reply: who, when, why; taken back and restored from here.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, chip, confirmDialog, emptyState, metricName, openDialog, when } from "../ui.js";

/** Opens the history of a reply. */
export async function showHistory(reply) {
  const answer = await attempt(() => get(`replies/${reply}/reviews`));
  if (!answer) return;
  const list = h("div", { class: "queue-history" });
  const dialog = openDialog(
    "history",
    t("queue.history"),
    list,
    h(
      "div",
      { class: "dialog-acts" },
      button({ text: t("common.close"), kind: "quiet", press: () => dialog.close() }),
    ),
  );

  const change = async (one, act) => {
    const note = await confirmDialog({
      title: t(`queue.${act}_title`),
      yes: t(`queue.${act}`),
      kind: act === "retract" ? "danger" : "gold",
      reason: { label: t("queue.reason_free"), required: false },
    });
    if (note === null) return;
    const changed = await attempt(() => send("POST", `reviews/${one.id}/${act}`, { note }));
    if (changed) draw(changed.reviews);
  };

  const draw = (reviews) => {
    fill(
      list,
      reviews.length
        ? h("ol", {}, reviews.toReversed().map((one) => line(one, change)))
        : emptyState(t("queue.history_none")),
    );
  };
  draw(answer.reviews);
}

function line(one, change) {
  const act = one.stands ? "retract" : "restore";
  return h(
    "li",
    { class: one.stands ? "queue-past" : "queue-past is-gone" },
    h(
      "p",
      { class: "row" },
      h("strong", {}, one.operator),
      chip(what(one), one.kind === "exclude" ? "warn" : "plain"),
      one.stands ? null : chip(t("queue.taken_back"), "bad"),
      one.bulk ? chip(t("queue.in_bulk")) : null,
      one.blind ? chip(t("queue.blind"), "good", t("queue.blind_text")) : null,
      h("span", { class: "soft" }, when(one.at)),
    ),
    one.text && one.kind !== "verdict" ? h("p", { class: "said", lang: "ja" }, one.text) : null,
    one.note ? h("p", { class: "said soft" }, one.note) : null,
    one.changeable
      ? button({
          text: t(`queue.${act}`),
          symbol: act === "retract" ? "undo" : "again",
          kind: "quiet",
          key: `${act}-${one.id}`,
          press: () => change(one, act),
        })
      : null,
  );
}

function what(one) {
  if (one.kind === "metric") return `${metricName(one.metric)} ${one.value}`;
  if (one.kind === "verdict") return t(`queue.verdict_${one.text}`);
  if (one.kind === "edit" && one.route) return `${t("queue.edit")} (${t(`queue.route_${one.route}`)})`;
  return t(`queue.kind_${one.kind}`, { target: one.target ?? "" });
}
