// The door: log in, or become the first operator by the link that the server printed.

import { button, h } from "../shared/dom.js";
import { language, loadTexts, t, useLanguage } from "../shared/texts.js";
import { ApiError, get, send } from "./api.js";
import { wordsOf } from "./words.js";

const root = document.querySelector("#yogeiko");
const token = window.location.hash.slice(1);

function inputOf(name, type, complete) {
  return h("input", {
    class: "input",
    type,
    name,
    required: true,
    autocomplete: complete,
    maxlength: type === "password" ? "200" : "40",
  });
}

function labelled(text, input, hint = "") {
  return h(
    "label",
    { class: "field" },
    h("span", { class: "field-label" }, text),
    input,
    hint ? h("span", { class: "field-hint" }, hint) : null,
  );
}

async function draw() {
  const { operators } = await get("doors");
  const first = token && !operators;
  const name = inputOf("name", "text", "username");
  const password = inputOf("password", "password", first ? "new-password" : "current-password");
  const fault = h("p", { class: "field-fault", role: "alert" });
  const enter = async (event) => {
    event.preventDefault();
    fault.textContent = "";
    const who = { name: name.value.trim(), password: password.value };
    try {
      await (first ? send("POST", "invitation", { ...who, token }) : send("POST", "login", who));
      window.location.replace("/console/");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fault.textContent = error.message;
      password.select();
    }
  };
  const other = language() === "ja" ? "en" : "ja";
  root.replaceChildren(
    h(
      "main",
      { class: "door" },
      h(
        "form",
        { class: "door-card", on: { submit: enter } },
        h(
          "div",
          { class: "brand" },
          h("img", { src: "/static/chat/favicon.svg", alt: "", class: "brand-mark" }),
          h("h1", { class: "brand-name" }, t("door.title"), h("span", { class: "brand-sub" }, "Yogeiko")),
        ),
        h("p", { class: "door-note" }, t(first ? "door.first" : operators ? "door.note" : "door.nobody")),
        labelled(t("door.name"), name),
        labelled(t("door.password"), password, first ? t("door.password_hint") : ""),
        fault,
        h("button", { type: "submit", class: "btn btn-gold" }, t(first ? "door.begin" : "door.enter")),
        button({
          text: other === "en" ? "English" : "日本語",
          kind: "link",
          lang: other,
          press: async () => {
            await useLanguage(other);
            await draw();
          },
        }),
      ),
    ),
  );
  name.focus();
}

await loadTexts(wordsOf("door"));
await draw();
