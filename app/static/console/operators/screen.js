// Who may come in. For admins.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { get, send } from "../api.js";
import {
  attempt,
  chip,
  confirmDialog,
  dataTable,
  field,
  input,
  openDialog,
  select,
  toast,
  when,
} from "../ui.js";

/** Opens the list of operators. */
export async function open(root, { me }) {
  const draw = ({ operators }) => {
    fill(
      root,
      h(
        "div",
        { class: "row spread intro" },
        h("p", { class: "soft" }, t("operators.intro")),
        button({ text: t("operators.add"), symbol: "plus", kind: "gold", press: () => edit(null) }),
      ),
      dataTable({ caption: t("operators.title"), rows: operators, columns: columns() }),
    );
  };

  const columns = () => [
    { title: t("operators.name"), cell: (one) => h("strong", {}, one.name) },
    {
      title: t("operators.role"),
      cell: (one) =>
        one.disabled_at
          ? chip(t("operators.locked"), "bad")
          : chip(t(`common.role_${one.role}`), one.role === "admin" ? "gold" : "plain"),
    },
    { title: t("operators.since"), cell: (one) => when(one.created_at) },
    { title: t("operators.acts"), cell: acts },
  ];

  const acts = (one) =>
    h(
      "span",
      { class: "row" },
      button({ text: t("operators.change"), kind: "quiet", press: () => edit(one) }),
      one.disabled_at || one.name === me.operator.name
        ? null
        : button({ text: t("operators.lock"), kind: "danger", press: () => lock(one) }),
    );

  async function lock(one) {
    const sure = await confirmDialog({
      title: t("operators.lock_title", { name: one.name }),
      text: t("operators.lock_text"),
      yes: t("operators.lock"),
    });
    if (sure === null) return;
    const answer = await attempt(() => send("POST", "operators/disable", { name: one.name }));
    if (answer) draw(answer);
  }

  function edit(one) {
    const name = input({ value: one?.name ?? "", maxlength: "40", autofocus: true, autocomplete: "off" });
    if (one) name.readOnly = true;
    const password = input({ type: "password", maxlength: "200", autocomplete: "new-password" });
    const role = select({
      value: one?.role ?? "reviewer",
      options: ["reviewer", "admin"].map((key) => ({ value: key, text: t(`common.role_${key}`) })),
    });
    const save = async (event) => {
      event.preventDefault();
      const body = { name: name.value.trim(), password: password.value, role: role.value };
      const answer = await attempt(() => send("PUT", "operators", body));
      if (!answer) return;
      dialog.close();
      toast(t("operators.saved", { name: body.name }));
      draw(answer);
    };
    const dialog = openDialog(
      "operator",
      one ? t("operators.change_title", { name: one.name }) : t("operators.add"),
      h(
        "form",
        { on: { submit: save } },
        field(t("operators.name"), name),
        field(t("operators.password"), password, t("operators.password_hint")),
        field(t("operators.role"), role, t("operators.role_hint")),
        h(
          "div",
          { class: "dialog-acts" },
          button({ text: t("common.cancel"), kind: "quiet", press: () => dialog.close() }),
          h("button", { type: "submit", class: "btn btn-gold" }, t("common.save")),
        ),
      ),
    );
  }

  draw(await get("operators"));
  return { keys: [{ keys: ["n"], text: "operators.key_add", run: () => edit(null) }] };
}
