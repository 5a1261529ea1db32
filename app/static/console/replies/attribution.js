// Which tokens of a reply a metric's value comes from, as a heat-map.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import { attempt, field, metricName, number, progressBar, select } from "../ui.js";
import { METRICS } from "./fields.js";

const METHODS = ["gradients", "integrated", "shap"];
const OPEN = ["running", "stopping"];
const LOOK_MS = 1000;
const asked = { metric: "trust", method: "integrated" };

/** The tokens of `reply`, plain until an attribution is there. Looks no more once it is off the page. */
export function attributionPart({ reply, tokens }) {
  const root = h("div", { class: "attribution" });
  const path = `replies/${encodeURIComponent(reply.id)}/attribution`;
  let job = { state: "none" };
  let timer = null;

  const draw = () =>
    fill(
      root,
      controls(),
      h("div", { "aria-live": "polite" }, standing()),
      job.result ? heatMap(job.result) : plain(tokens),
    );

  const take = (now) => {
    if (!root.isConnected) return;
    job = now ?? { state: "none" };
    draw();
    clearTimeout(timer);
    if (OPEN.includes(job.state)) timer = setTimeout(look, LOOK_MS);
  };

  const look = async () => {
    if (!root.isConnected) return;
    const { metric, method } = asked;
    const now = await attempt(() => get(path, { metric, method }));
    if (metric === asked.metric && method === asked.method) take(now);
  };

  const start = async () => {
    const now = await attempt(() => send("POST", path, { ...asked }));
    if (now) take(now);
  };

  const stop = async () => {
    await attempt(() => send("POST", "attribution/stop"));
    await look();
  };

  const choose = (changes) => {
    Object.assign(asked, changes);
    void look();
  };

  const controls = () =>
    h(
      "div",
      { class: "row attribution-controls" },
      field(
        t("replies.attribution_metric"),
        select({
          value: asked.metric,
          options: METRICS.map((key) => ({ value: key, text: metricName(key) })),
          change: (metric) => choose({ metric }),
          "data-k": "attribution-metric",
        }),
      ),
      field(
        t("replies.attribution_method"),
        select({
          value: asked.method,
          options: METHODS.map((key) => ({ value: key, text: t(`replies.attribution_method_${key}`) })),
          change: (method) => choose({ method }),
          "data-k": "attribution-method",
        }),
      ),
      OPEN.includes(job.state)
        ? button({
            text: t("replies.attribution_stop"),
            symbol: "stop",
            kind: "quiet",
            key: "attribution-act",
            disabled: job.state === "stopping",
            press: () => void stop(),
          })
        : button({
            text: t("replies.attribution_start"),
            symbol: "play",
            kind: "gold",
            key: "attribution-act",
            disabled: job.state === "done",
            press: () => void start(),
          }),
    );

  const standing = () => {
    if (OPEN.includes(job.state)) {
      return progressBar(job.done, job.planned || null, t("replies.attribution_running"));
    }
    if (job.state === "failed") {
      return h("p", { class: "fault", role: "alert" }, t("replies.attribution_failed", { reason: job.reason }));
    }
    if (job.state === "stopped") return h("p", { class: "soft" }, t("replies.attribution_stopped"));
    if (job.state === "none") return h("p", { class: "soft" }, t("replies.attribution_intro"));
    return null;
  };

  draw();
  setTimeout(look);
  return root;
}

function plain(tokens) {
  return h(
    "p",
    { class: "tokens" },
    tokens.map((token, at) => h("span", { class: "token", data: { token: at }, title: String(at + 1) }, token)),
  );
}

function heatMap(result) {
  const largest = Math.max(...result.pieces.map((one) => Math.abs(one.score)), 0);
  const token = (one, at) => {
    const share = largest ? one.score / largest : 0;
    const way = share > 0 ? "token-up" : share < 0 ? "token-down" : "";
    const element = h(
      "span",
      { class: `token ${way}`, data: { token: at }, title: signed(one.score) },
      one.text,
    );
    element.style.setProperty("--heat", `${Math.round(Math.abs(share) * 100)}%`);
    return element;
  };
  return h(
    "div",
    {},
    h("p", { class: "tokens tokens-heat" }, result.pieces.map(token)),
    legend(largest, result.method),
    h("p", { class: "attribution-value" }, told(result)),
    h("p", { class: "soft" }, t(`replies.attribution_about_${result.method}`)),
    h("p", { class: "soft" }, t("replies.attribution_by", { evaluator: result.evaluator, n: result.evaluations })),
  );
}

function legend(largest, method) {
  const unit = t(method === "gradients" ? "replies.attribution_unit_slope" : "replies.attribution_unit_points");
  return h(
    "div",
    { class: "heat-legend", role: "img", "aria-label": t("replies.attribution_legend") },
    h("span", {}, `${t("replies.attribution_lowers")} ${signed(-largest)}`),
    h("i", { class: "heat-scale" }),
    h("span", {}, `${signed(largest)} ${t("replies.attribution_raises")}`),
    h("span", { class: "soft" }, unit),
  );
}

function told(result) {
  const name = metricName(result.metric);
  if (result.baseline === null) return t("replies.attribution_value", { name, value: number(result.value) });
  const parts = {
    name,
    value: number(result.value),
    baseline: number(result.baseline),
    error: number(result.completeness.error, 3),
    share: result.completeness.share === null ? "–" : number(result.completeness.share * 100, 1),
  };
  return result.completeness.holds ? t("replies.attribution_value_from", parts) : t("replies.attribution_value_unsettled", parts);
}

function signed(value) {
  return `${value > 0 ? "+" : ""}${number(value, 3)}`;
}
