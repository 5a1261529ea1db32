// Pieces that every screen is made of.

import { openDialog } from "../shared/dialog.js";
import { button, h, icon } from "../shared/dom.js";
import { toast as plainToast } from "../shared/notices.js";
import { language, t } from "../shared/texts.js";
import { ApiError } from "./api.js";

export { openDialog };

/** Shows a short notice. `kind` "bad" for what did not work; `action`: {text, press}. */
export function toast(text, kind = "plain", action = null) {
  plainToast(text, kind, action);
}

/** Runs `work`; what it refuses is told. Resolves to its result, or null. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast(error.message, "bad");
    return null;
  }
}

/** Asks with words of its own; resolves to the field's text for `yes`, else null.
 * `reason`: {label, required} asks for a text, whose absence is told. */
export function confirmDialog({ title, text, yes, kind = "danger", reason = null }) {
  return new Promise((resolve) => {
    const words = reason
      ? h("textarea", { class: "area", rows: "3", autofocus: true, "aria-label": reason.label })
      : null;
    const fault = h("p", { class: "field-fault", role: "alert" });
    const accept = () => {
      if (reason?.required && !words.value.trim()) {
        fault.textContent = t("common.reason_missing");
        words.focus();
        return;
      }
      dialog.close("yes");
    };
    const dialog = openDialog(
      "confirm",
      title,
      text ? h("p", { class: "dialog-text" }, text) : null,
      reason ? h("label", { class: "field" }, h("span", {}, reason.label), words) : null,
      fault,
      h(
        "div",
        { class: "dialog-acts" },
        button({
          text: t("common.cancel"),
          kind: "quiet",
          // What cannot be undone is not done by an Enter too many.
          autofocus: !reason && kind === "danger",
          press: () => dialog.close(),
        }),
        button({ text: yes, kind, autofocus: !reason && kind !== "danger", press: accept }),
      ),
    );
    dialog.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      // The dialog closes before the key reaches the screen below, which has a use for it too.
      event.preventDefault();
      accept();
    });
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "yes" ? (words?.value.trim() ?? "") : null);
    });
  });
}

/** What to show where there is nothing; `text` says why, `act` (an element) what to do. */
export function emptyState(title, text = "", act = null) {
  return h(
    "div",
    { class: "state state-empty" },
    icon("moon"),
    h("p", { class: "state-title" }, title),
    text ? h("p", { class: "state-text" }, text) : null,
    act,
  );
}

/** What to show while something is loading; it appears only after a moment. */
export function loadingState(text = t("common.loading")) {
  return h("div", { class: "state state-loading", role: "status" }, h("p", {}, text));
}

/** What to show where loading failed; `again` tries once more. */
export function errorState(error, again) {
  return h(
    "div",
    { class: "state state-error", role: "alert" },
    icon("warn"),
    h("p", { class: "state-title" }, t("common.failed_title")),
    h("p", { class: "state-text" }, error instanceof ApiError ? error.message : String(error)),
    button({ text: t("common.again"), kind: "quiet", press: again }),
  );
}

/** A small label. `kind`: plain, good, bad, warn or gold. */
export function chip(text, kind = "plain", title = null) {
  return h("span", { class: `chip chip-${kind}`, title }, text);
}

/** A framed part of a screen. */
export function panel(title, ...content) {
  return h(
    "section",
    { class: "panel" },
    title ? h("h2", { class: "panel-title" }, title) : null,
    ...content,
  );
}

/** A labelled control; `hint` explains it. */
export function field(label, control, hint = "") {
  return h(
    "label",
    { class: "field" },
    h("span", { class: "field-label" }, label),
    control,
    hint ? h("span", { class: "field-hint" }, hint) : null,
  );
}

/** A text field that calls `change(value)`. */
export function input({ value = "", change = null, ...rest }) {
  const element = h("input", { class: "input", type: "text", ...rest });
  element.value = value;
  if (change) element.addEventListener("change", () => change(element.value));
  return element;
}

/** A choice; `options`: [{value, text}]. Calls `change(value)`. */
export function select({ value = "", options, change = null, ...rest }) {
  const element = h(
    "select",
    { class: "input", ...rest },
    options.map((one) => h("option", { value: one.value }, one.text)),
  );
  element.value = value;
  if (change) element.addEventListener("change", () => change(element.value));
  return element;
}

/** Choices of which one is on, as buttons. `options`: [{value, text, count}]. */
export function tabs({ label, value, options, change }) {
  return h(
    "div",
    { class: "tabs", role: "tablist", "aria-label": label },
    options.map((one) =>
      h(
        "button",
        {
          type: "button",
          role: "tab",
          class: "tab",
          "aria-selected": one.value === value ? "true" : "false",
          data: { k: `tab-${one.value}` },
          on: { click: () => change(one.value) },
        },
        one.text,
        one.count === undefined || one.count === null
          ? null
          : h("span", { class: "tab-count" }, String(one.count)),
      ),
    ),
  );
}

/**
 * A table. `columns`: [{key, title, cell(row) -> child, align: "number", width}]; `press(row)` opens
 * a row, by Enter too; `current` is the key of the marked row, `rowKey(row)` names it.
 */
export function dataTable({ columns, rows, press = null, current = null, rowKey = null, caption }) {
  const line = (row) => {
    const key = rowKey ? rowKey(row) : null;
    return h(
      "tr",
      {
        "aria-current": key !== null && key === current ? "true" : null,
        tabindex: press ? "0" : null,
        data: key === null ? {} : { k: `row-${key}`, row: key },
        on: press
          ? {
              click: () => press(row),
              keydown: (event) => {
                if (event.key === "Enter" && event.target === event.currentTarget) press(row);
              },
            }
          : {},
      },
      columns.map((one) => h("td", { class: one.align ? `at-${one.align}` : null }, one.cell(row))),
    );
  };
  return h(
    "div",
    { class: "table-frame" },
    h(
      "table",
      { class: "table" },
      caption ? h("caption", { class: "unseen" }, caption) : null,
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          columns.map((one) =>
            h(
              "th",
              { scope: "col", class: one.align ? `at-${one.align}` : null, width: one.width },
              one.title,
            ),
          ),
        ),
      ),
      h("tbody", {}, rows.map(line)),
    ),
  );
}

/** A bar of how much is done; `total` null: not known. */
export function progressBar(done, total, label) {
  return h(
    "div",
    { class: "progress" },
    h("progress", { max: total ?? null, value: total ? done : null, "aria-label": label }),
    h("span", { class: "progress-text" }, total ? `${done} / ${total}` : String(done)),
  );
}

/** The name of a metric in the language of the page. */
export function metricName(key) {
  return t(`common.metric_${key}`);
}

/** A moment: date and clock of the browser's zone. */
export function when(iso) {
  const at = new Date(iso);
  if (!iso || Number.isNaN(at.getTime())) return "–";
  const options = { month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit" };
  if (at.getFullYear() !== new Date().getFullYear()) options.year = "numeric";
  return new Intl.DateTimeFormat(language(), options).format(at);
}

/** A number with so many digits behind the point, "–" for none. */
export function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  return new Intl.NumberFormat(language(), {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** A count with separators. */
export function count(value) {
  return number(value, 0);
}
