// Reviews that come back from an export: looked through first, stored after.

import { button, fill, h } from "../../shared/dom.js";
import { t } from "../../shared/texts.js";
import { send } from "../api.js";
import { attempt, count, panel, toast } from "../ui.js";
import { checkbox, choice } from "./form.js";

const MOST_CHARACTERS = 55_000;

/** Returns the panel for files of reviews. */
export function importPanel() {
  const file = h("input", { type: "file", class: "input", accept: ".jsonl,.csv", "aria-label": t("export.import_file"), data: { k: "import-file" }, on: { change: () => void check() } });
  const skip = checkbox(false);
  skip.addEventListener("change", () => drawReport());
  const told = h("div", { class: "told", "aria-live": "polite" });
  let body = null;
  let report = null;

  const check = async () => {
    [body, report] = [null, null];
    const chosen = file.files[0];
    if (chosen) {
      const form = chosen.name.toLowerCase().endsWith(".csv") ? "csv" : "jsonl";
      const text = await chosen.text();
      if (text.length > MOST_CHARACTERS || chosen.size > MOST_CHARACTERS) {
        fill(told, h("p", { class: "fault", role: "alert" }, t("export.import_large")));
        return;
      }
      body = { form, text };
      report = await attempt(() => send("POST", "reviews/import", { ...body, dry_run: true }));
    }
    drawReport();
  };

  const store = async () => {
    const wanted = { ...body, dry_run: false, skip_bad: skip.checked };
    const done = await attempt(() => send("POST", "reviews/import", wanted));
    if (!done) return;
    toast(t("export.imported", { n: count(done.stored) }));
    file.value = "";
    [body, report] = [null, null];
    drawReport();
  };

  const drawReport = () => {
    if (!report) {
      fill(told);
      return;
    }
    const ready = report.new > 0 && (!report.bad || skip.checked);
    const numbers = ["read", "new", "known", "passed", "bad"];
    fill(
      told,
      h(
        "dl",
        { class: "numbers" },
        numbers.map((one) => [h("dt", {}, t(`export.import_${one}`)), h("dd", {}, count(report[one]))]),
      ),
      report.faults.length
        ? h(
            "ul",
            { class: "faults" },
            report.faults.map((one) => h("li", {}, h("b", {}, t("export.import_line", { n: one.line })), ` ${one.reason}`)),
          )
        : null,
      report.bad ? choice(skip, t("export.skip_bad"), t("export.skip_bad_hint")) : null,
      h(
        "div",
        { class: "row" },
        button({ text: t("export.import_store", { n: count(report.new) }), kind: "gold", key: "store", disabled: !ready, press: () => void store() }),
      ),
    );
  };

  return panel(t("export.import_title"), h("p", { class: "soft" }, t("export.import_intro")), file, told);
}
