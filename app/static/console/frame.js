// The frame around every screen: the list on the left, the head with who is logged in.

import { button, h, icon } from "../shared/dom.js";
import { noticePlaces } from "../shared/notices.js";
import { language, t, useLanguage } from "../shared/texts.js";
import { send } from "./api.js";
import { showKeys } from "./keys.js";
import { hashOf } from "./place.js";
import { attempt, chip } from "./ui.js";

/** Draws the frame into `root`; `stage(screen)` of what it returns is the empty place of a screen. */
export function drawFrame(root, { me, screens, redraw }) {
  const items = new Map();
  // No <main>: Gradio's page has one, whose rules (shared/base.css) would take the scrolling away.
  const content = h("div", { class: "stage-room", id: "content", role: "main", tabindex: "-1" });
  const title = h("h1", { class: "head-title" });
  const side = sidebar(me, screens, items);
  root.replaceChildren(
    h("a", { class: "skip", href: "#content", on: { click: skip } }, t("common.skip")),
    h(
      "div",
      { class: "console" },
      side,
      h("div", { class: "desk" }, head(me, title, redraw), content),
    ),
    ...noticePlaces(),
  );

  function skip(event) {
    event.preventDefault();
    content.focus();
  }

  return {
    stage(screen) {
      for (const [id, link] of items) {
        if (id === screen.id) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      title.textContent = t(`common.screen_${screen.id}`);
      const stage = h("div", { class: `screen screen-${screen.id}` });
      content.replaceChildren(stage);
      content.scrollTop = 0;
      return stage;
    },
  };
}

function sidebar(me, screens, items) {
  const listed = screens.filter((one) => one.listed !== false);
  const groups = [...new Set(listed.map((one) => one.group))];
  return h(
    "nav",
    { class: "side", "aria-label": t("common.screens") },
    h(
      "div",
      { class: "brand" },
      h("img", { src: "/static/chat/favicon.svg", alt: "", class: "brand-mark" }),
      h(
        "p",
        { class: "brand-name" },
        t("common.brand"),
        h("span", { class: "brand-sub" }, me.persona.name),
      ),
    ),
    groups.map((group) =>
      h(
        "section",
        { class: "side-group" },
        h("h2", { class: "side-title" }, t(`common.group_${group}`)),
        h(
          "ul",
          {},
          listed
            .filter((one) => one.group === group)
            .map((one) => {
              const link = h(
                "a",
                { class: "side-link", href: hashOf(one.id) },
                icon(one.symbol),
                h("span", {}, t(`common.screen_${one.id}`)),
              );
              items.set(one.id, link);
              return h("li", {}, link);
            }),
        ),
      ),
    ),
  );
}

function head(me, title, redraw) {
  const other = language() === "ja" ? "en" : "ja";
  const leave = async () => {
    if ((await attempt(() => send("POST", "logout"))) !== null) window.location.assign("/login");
  };
  return h(
    "header",
    { class: "head" },
    title,
    h(
      "div",
      { class: "head-acts" },
      button({ label: t("common.keys_title"), text: "?", press: showKeys }),
      h(
        "button",
        {
          type: "button",
          class: "btn btn-ghost language",
          lang: other,
          "aria-label": t("common.switch_language"),
          on: {
            click: async () => {
              await useLanguage(other);
              redraw();
            },
          },
        },
        other === "en" ? "EN" : "日本語",
      ),
      h("a", { class: "btn btn-ghost", href: "/", target: "_blank", rel: "noopener" }, t("common.to_chat")),
      h(
        "span",
        { class: "head-who" },
        me.operator.name,
        chip(t(`common.role_${me.operator.role}`), me.operator.role === "admin" ? "gold" : "plain"),
      ),
      button({ label: t("common.logout"), symbol: "door", press: leave }),
    ),
  );
}
