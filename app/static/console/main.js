// Entry: waits for the surface Gradio draws, asks who is logged in, and opens the screen that the
// address names.

import { surface } from "../shared/surface.js";
import { addTexts, loadTexts, t } from "../shared/texts.js";
import { ApiError, get } from "./api.js";
import { drawFrame } from "./frame.js";
import { bindEverywhere, bindScreen } from "./keys.js";
import { go, here } from "./place.js";
import { SCREENS } from "./screens.js";
import { errorState, loadingState } from "./ui.js";
import { wordsOf } from "./words.js";

let me = null;
let frame = null;
let opened = { close() {} };
let turn = 0;

const allowed = () => SCREENS.filter((one) => !one.admin || me.operator.role === "admin");

async function show() {
  const mine = ++turn;
  const screens = allowed();
  const place = here();
  const screen = screens.find((one) => one.id === place.screen);
  if (!screen) {
    go(screens[0].id);
    return;
  }
  opened.close();
  opened = { close() {} };
  bindScreen([]);
  const stage = frame.stage(screen);
  const waiting = loadingState();
  stage.append(waiting);
  try {
    const [module] = await Promise.all([screen.load(), addTexts(wordsOf(screen.id))]);
    if (mine !== turn) return;
    document.title = `${t(`${screen.id}.title`)} · 夜稽古`;
    const now = await module.open(stage, { ...place, me });
    waiting.remove();
    if (mine !== turn) {
      now?.close?.();
      return;
    }
    opened = { close: () => now?.close?.() };
    bindScreen(now?.keys ?? []);
  } catch (error) {
    if (mine !== turn) return;
    stage.replaceChildren(errorState(error, show));
    if (!(error instanceof ApiError)) throw error;
  }
}

async function draw(root) {
  frame = drawFrame(root, { me, screens: allowed(), redraw: () => void draw(root) });
  await show();
}

async function start() {
  const [root] = await Promise.all([surface(), loadTexts(wordsOf("common"))]);
  me = await get("me");
  const jumps = allowed()
    .filter((one) => one.key)
    .map((one) => ({
      keys: [`g ${one.key}`],
      text: `common.screen_${one.id}`,
      run: () => go(one.id),
    }));
  bindEverywhere(jumps);
  window.addEventListener("hashchange", () => void show());
  await draw(root);
  root.classList.add("drawn");
}

void start();

