// One reply: the conversation on the left, what is known of the reply on the right.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get } from "../api.js";
import { go, hashOf } from "../place.js";
import { emptyState, tabs, when } from "../ui.js";
import { conversation } from "./conversation.js";
import { candidatesPart, historyPart, lineagePart, scoresPart, tokensPart } from "./detail_parts.js";
import { asQuery, readFilter } from "./fields.js";
import { neighbours } from "./found.js";

const PARTS = {
  scores: scoresPart,
  history: historyPart,
  candidates: candidatesPart,
  tokens: tokensPart,
  lineage: lineagePart,
};
const ORDER = Object.keys(PARTS);

/** Draws the reply `id` into `root`. `query` holds the filter that it was found by. */
export async function openDetail(root, id, query) {
  const { filter, sort } = readFilter(query);
  const { before, after } = neighbours(id);
  const [detail, reviews] = await Promise.all([
    get(`replies/${id}`),
    get(`replies/${id}/reviews`),
  ]);
  const turn = detail.conversation.turns.find((one) => one.id === detail.turn);
  const reply = turn.replies.find((one) => one.id === id);
  const side = h("div", { class: "detail-side" });
  let part = query.get("part") ?? "scores";

  const show = (wanted) => {
    part = wanted;
    fill(
      side,
      tabs({
        label: t("replies.parts"),
        value: part,
        options: ORDER.map((key) => ({ value: key, text: t(`replies.part_${key}`) })),
        change: show,
      }),
      h("div", { class: "detail-part" }, PARTS[part]({ detail, turn, reply, reviews })),
    );
  };

  const back = () => go("replies", asQuery(filter, sort));
  const other = (wanted) => wanted && go("replies", { ...asQuery(filter, sort), reply: wanted, part });

  fill(
    root,
    h(
      "div",
      { class: "row spread intro" },
      h(
        "div",
        { class: "row" },
        button({ text: t("replies.back"), symbol: "prev", kind: "quiet", press: back }),
        h("span", { class: "soft" }, t("replies.visitor_is", { id: detail.visitor }), "　", when(reply.at)),
      ),
      h(
        "div",
        { class: "row" },
        button({
          label: t("replies.key_previous"),
          symbol: "prev",
          disabled: !before,
          press: () => other(before),
        }),
        button({
          label: t("replies.key_next"),
          symbol: "next",
          disabled: !after,
          press: () => other(after),
        }),
        h("a", { class: "btn btn-quiet", href: hashOf("replay", { reply: id }) }, t("replies.replay")),
        h("a", { class: "btn btn-gold", href: hashOf("queue", { reply: id }) }, t("replies.review")),
      ),
    ),
    h(
      "div",
      { class: "detail" },
      detail.conversation.turns.length
        ? conversation({ detail, reply, open: (one) => other(one) })
        : emptyState(t("replies.none")),
      side,
    ),
  );
  show(PARTS[part] ? part : "scores");
  root.querySelector(".line-current")?.scrollIntoView({ block: "center" });
  return {
    keys: [
      { keys: ["ArrowRight"], text: "replies.key_next", run: () => other(after) },
      { keys: ["ArrowLeft"], text: "replies.key_previous", run: () => other(before) },
      {
        keys: ["1", "2", "3", "4", "5"],
        text: "replies.key_part",
        run: (event) => show(ORDER[Number(event.key) - 1]),
      },
      { keys: ["r"], text: "replies.key_review", run: () => go("queue", { reply: id }) },
      { keys: ["Escape"], text: "replies.key_back", run: back },
    ],
  };
}
