// Exports of logs, scores, reviews and pairs, and reviews that come back. For admins.

import { button, fill, h } from "../../shared/dom.js";
import { addTexts, t } from "../../shared/texts.js";
import { address, get, send } from "../api.js";
import {
  attempt,
  chip,
  confirmDialog,
  count,
  dataTable,
  emptyState,
  number,
  panel,
  progressBar,
  toast,
  when,
} from "../ui.js";
import { isFiltered, readFilter } from "../replies/fields.js";
import { filterChips } from "../replies/filter_words.js";
import { wordsOf } from "../words.js";
import { orderForm } from "./form.js";
import { importPanel } from "./reviews.js";

const LOOK_MS = 800;
const UNITS = ["B", "kB", "MB", "GB"];

/** Opens the exports. */
export async function open(root, { query }) {
  const [found] = await Promise.all([get("exports"), addTexts(wordsOf("replies"))]);
  let state = found;
  const { filter } = readFilter(query);
  let timer = null;
  const running = h("div", { class: "running-place", "aria-live": "polite" });
  const list = h("div", { class: "export-list" });
  const form = orderForm({
    licence: state.licence,
    replies: isFiltered(filter) ? filter : null,
    order: (body) => start(body),
  });

  const draw = () => {
    const job = state.job;
    form.busy(job?.state === "running");
    fill(running, job ? jobLine(job, stop) : null);
    fill(list, exportsTable(state.exports, remove));
  };

  const look = () => {
    clearTimeout(timer);
    if (state.job?.state !== "running") return;
    timer = setTimeout(async () => {
      const before = state.job;
      state = (await attempt(() => get("exports"))) ?? state;
      if (state.job?.state === "done" && before.state === "running") toast(t("export.done"));
      draw();
      look();
    }, LOOK_MS);
  };

  const start = async (body) => {
    const job = await attempt(() => send("POST", "exports", body));
    if (!job) return;
    state = { ...state, job };
    draw();
    look();
  };

  const stop = async () => {
    state = (await attempt(() => send("POST", "exports/stop"))) ?? state;
    draw();
    look();
  };

  const remove = async (one) => {
    const sure = await confirmDialog({
      title: t("export.delete_title"),
      text: t("export.delete_text", { when: when(one.created_at) }),
      yes: t("export.delete"),
    });
    if (sure === null) return;
    state = (await attempt(() => send("DELETE", `exports/${one.id}`))) ?? state;
    draw();
  };

  fill(
    root,
    h("p", { class: "soft intro" }, t("export.intro")),
    panel(t("export.order"), form.element, running),
    panel(t("export.there"), list),
    importPanel(),
  );
  draw();
  look();
  return {
    keys: [{ keys: ["n"], text: "export.key_order", run: () => form.focus() }],
    close: () => clearTimeout(timer),
  };
}

function jobLine(job, stop) {
  if (job.state === "running") {
    const progress = job.progress;
    return h(
      "div",
      { class: "job", data: { state: job.state } },
      h(
        "p",
        { class: "soft" },
        progress
          ? t("export.writing", { table: t(`export.table_${progress.table}`), n: count(progress.written) })
          : t("export.begins"),
      ),
      progress ? progressBar(progress.read, progress.total || 1, t("export.progress")) : null,
      button({ text: t("export.stop"), symbol: "stop", kind: "quiet", key: "stop", press: () => void stop() }),
    );
  }
  if (job.state === "failed") {
    return h("p", { class: "fault", role: "alert", data: { state: job.state } }, t("export.failed", { reason: job.reason }));
  }
  if (job.state === "stopped") return h("p", { class: "soft", data: { state: job.state } }, t("export.stopped"));
  return null;
}

function exportsTable(exports, remove) {
  if (!exports.length) return emptyState(t("export.none"), t("export.none_text"));
  return dataTable({
    caption: t("export.there"),
    rows: exports,
    rowKey: (one) => one.id,
    columns: [
      {
        title: t("export.created"),
        cell: (one) => [h("div", {}, when(one.created_at)), h("div", { class: "soft" }, one.ordered_by)],
      },
      { title: t("export.content"), cell: content },
      { title: t("export.filter"), cell: limits },
      { title: t("export.size"), align: "number", cell: (one) => size(one.bytes) },
      { title: t("export.acts"), cell: (one) => acts(one, remove) },
    ],
  });
}

function content(one) {
  return [
    chip(t(`export.form_${one.form}`), "gold"),
    h(
      "ul",
      { class: "counts" },
      one.tables.map((table) =>
        h("li", {}, t("export.count", { table: t(`export.table_${table}`), n: count(one.counts[table]) })),
      ),
    ),
  ];
}

function limits(one) {
  const day = (iso, back) => {
    const at = new Date(iso);
    return new Date(at.getTime() - back).toLocaleDateString(document.documentElement.lang);
  };
  return h(
    "div",
    { class: "limits" },
    one.since ? h("div", {}, t("export.from", { day: day(one.since, 0) })) : null,
    one.until ? h("div", {}, t("export.to", { day: day(one.until, 1) })) : null,
    one.adapter ? h("div", {}, t("export.by", { adapter: one.adapter })) : null,
    one.replies ? filterChips(one.replies) : null,
    one.consented ? chip(t("export.consented"), "good") : chip(t("export.everybody"), "warn"),
    one.pseudonymised ? chip(t("export.pseudonyms")) : chip(t("export.real_ids"), "warn"),
    one.erased_at ? h("div", { class: "soft" }, t("export.erased", { when: when(one.erased_at) })) : null,
  );
}

function acts(one, remove) {
  const link = (path, text, kind) =>
    h("a", { class: `btn btn-${kind}`, href: address(path).href, download: "" }, text);
  return h(
    "div",
    { class: "export-acts" },
    link(`exports/${one.id}/tar`, t("export.download"), "gold"),
    h(
      "details",
      {},
      h("summary", {}, t("export.files", { n: one.files.length + 1 })),
      h(
        "ul",
        { class: "files" },
        [...one.files, { name: "manifest.json" }].map((file) =>
          h(
            "li",
            {},
            h("a", { href: address(`exports/${one.id}/files/${file.name}`).href, download: "", title: file.sha256 ? `sha256 ${file.sha256}` : null }, file.name),
          ),
        ),
      ),
    ),
    button({ text: t("export.delete"), kind: "danger", press: () => void remove(one) }),
  );
}

function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value, unit && value < 100 ? 1 : 0)} ${UNITS[unit]}`;
}
