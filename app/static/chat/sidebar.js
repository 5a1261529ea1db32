// The list of conversations: search, open, rename, export, delete.

import { openConversation, remove, rename, search, startNew } from "./actions.js";
import { api } from "./api.js";
import { confirmChoice } from "../shared/dialog.js";
import { button, fill, h, icon } from "../shared/dom.js";
import { on, state } from "./state.js";
import { shortTime, t, withoutTurns } from "../shared/texts.js";

const SEARCH_WAIT_MS = 250;

/** Splits `text` around each place where `query` is found, without regard to case or width. */
export function highlight(text, query) {
  const fold = (value) => value.toLowerCase();
  const needle = fold(query.trim());
  const hay = fold(text);
  if (!needle || hay.length !== text.length) return [text];
  const parts = [];
  let from = 0;
  for (let at = hay.indexOf(needle); at >= 0; at = hay.indexOf(needle, from)) {
    if (at > from) parts.push(text.slice(from, at));
    parts.push(h("mark", {}, text.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  if (from < text.length) parts.push(text.slice(from));
  return parts;
}

/** Returns the side panel. `opened` is called when a conversation was picked; `settings` opens
 * the settings. */
export function makeSidebar({ opened, settings }) {
  const items = h("ul", { class: "talks" });
  const ui = { menu: null, renaming: null };

  function draw() {
    // A list that arrives while a title is being written must not take the field away.
    if (ui.renaming && items.querySelector(".rename")) return;
    if (state.conversations.length === 0) {
      fill(items, h("li", { class: "talks-none" }, t(state.query ? "search_none" : "list_none")));
      return;
    }
    fill(items, ...state.conversations.map(item));
  }

  function item(talk) {
    const open = state.current?.id === talk.id;
    if (ui.renaming === talk.id) return h("li", { class: "talk" }, renameForm(talk));
    const title = talk.title || t("untitled");
    const snippet = state.query && talk.snippet;
    const main = h(
      "button",
      {
        type: "button",
        class: "talk-open",
        "aria-current": open ? "page" : null,
        data: { k: `open-${talk.id}` },
        on: {
          click: () => {
            opened();
            void openConversation(talk.id);
          },
        },
      },
      h("span", { class: "talk-title", lang: "ja" }, ...(state.query ? highlight(title, state.query) : [title])),
      h("span", { class: "talk-time" }, shortTime(talk.updated_at)),
      snippet ? h("span", { class: "talk-snippet", lang: "ja" }, ...highlight(snippet, state.query)) : null,
    );
    const more = button({
      label: t("more", { title: withoutTurns(title) }),
      symbol: "more",
      key: `more-${talk.id}`,
      "aria-expanded": ui.menu === talk.id ? "true" : "false",
      press: (event) => {
        event.stopPropagation();
        ui.menu = ui.menu === talk.id ? null : talk.id;
        draw();
        items.querySelector(".talk-menu a, .talk-menu button")?.focus();
      },
    });
    more.classList.add("talk-more");
    return h(
      "li",
      { class: open ? "talk talk-current" : "talk", data: { talk: talk.id } },
      main,
      more,
      ui.menu === talk.id ? menu(talk, title) : null,
    );
  }

  function menu(talk, title) {
    const close = () => {
      ui.menu = null;
      draw();
      items.querySelector(`[data-k="more-${CSS.escape(talk.id)}"]`)?.focus();
    };
    const link = (format) =>
      h(
        "a",
        {
          href: api.exportLink(talk.id, format),
          download: "",
          data: { k: `${format}-${talk.id}` },
          on: { click: () => setTimeout(close) },
        },
        icon("save"),
        t(`export_${format}`),
      );
    const act = (symbol, text, press, kind = "") =>
      h(
        "button",
        {
          type: "button",
          class: kind,
          data: { k: `${symbol}-${talk.id}` },
          on: { click: press },
        },
        icon(symbol),
        text,
      );
    return h(
      "div",
      {
        class: "talk-menu",
        role: "group",
        "aria-label": t("more", { title: withoutTurns(title) }),
        on: {
          keydown: (event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            close();
          },
          click: (event) => event.stopPropagation(),
        },
      },
      act("edit", t("rename"), () => {
        ui.menu = null;
        ui.renaming = talk.id;
        draw();
      }),
      link("markdown"),
      link("json"),
      act(
        "trash",
        t("delete"),
        async () => {
          close();
          const sure = await confirmChoice({
            no: t("cancel"),
            title: t("delete_title"),
            text: t("delete_text", { title: withoutTurns(title) }),
            yes: t("delete_yes"),
          });
          if (sure) await remove(talk.id);
        },
        "danger",
      ),
    );
  }

  function renameForm(talk) {
    const field = h("input", {
      class: "rename-field",
      type: "text",
      maxlength: "80",
      "aria-label": t("rename_label"),
      autocomplete: "off",
      data: { k: "rename" },
    });
    field.value = talk.title;
    const leave = () => {
      ui.renaming = null;
      draw();
    };
    const form = h(
      "form",
      {
        class: "rename",
        on: {
          submit: async (event) => {
            event.preventDefault();
            const title = field.value.trim();
            ui.renaming = null;
            if (title && title !== talk.title) await rename(talk.id, title);
            draw();
          },
          keydown: (event) => {
            if (event.key === "Escape") {
              event.stopPropagation();
              leave();
            }
            // A form would submit on the Enter that confirms a conversion.
            if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) {
              event.preventDefault();
            }
          },
        },
      },
      field,
      button({ label: t("rename_save"), symbol: "check", type: "submit" }),
      button({ label: t("cancel"), symbol: "close", press: leave }),
    );
    requestAnimationFrame(() => field.select());
    return form;
  }

  on("away", () => {
    if (ui.menu === null) return;
    ui.menu = null;
    draw();
  });
  on("list", draw);
  draw();

  return h(
    "nav",
    { class: "side", "aria-label": t("list_label") },
    h(
      "div",
      { class: "brand" },
      h("img", { src: new URL("favicon.svg", import.meta.url).href, alt: "", class: "brand-mark" }),
      h("div", {}, h("p", { class: "brand-name" }, "夜稽古"), h("p", { class: "brand-sub" }, "Yogeiko")),
    ),
    h(
      "button",
      {
        type: "button",
        class: "new-talk",
        on: {
          click: () => {
            opened();
            startNew();
          },
        },
      },
      icon("plus"),
      t("new_talk"),
    ),
    searchBox(),
    h("div", { class: "talks-box" }, items),
    h(
      "button",
      { type: "button", class: "side-settings", on: { click: settings }, data: { k: "settings" } },
      icon("gear"),
      t("settings"),
    ),
  );
}

function searchBox() {
  let timer = 0;
  const field = h("input", {
    type: "search",
    class: "search-field",
    placeholder: t("search"),
    "aria-label": t("search"),
    autocomplete: "off",
    enterkeyhint: "search",
  });
  field.value = state.query;
  const go = () => {
    clearTimeout(timer);
    timer = setTimeout(() => search(field.value.trim()), SEARCH_WAIT_MS);
  };
  field.addEventListener("input", (event) => {
    if (!event.isComposing) go();
  });
  field.addEventListener("compositionend", go);
  return h("div", { class: "search", role: "search" }, icon("search"), field);
}
