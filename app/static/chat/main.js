// Entry: waits for the surface Gradio draws, then brings the page up.

import { loadList, openConversation, refresh, setOnline } from "./actions.js";
import { ApiError, api } from "./api.js";
import { askConsent } from "./dialogs.js";
import { drawPage } from "./layout.js";
import { toast } from "../shared/notices.js";
import { emit, rememberedOpen, state } from "./state.js";
import { surface } from "../shared/surface.js";
import { loadTexts, t } from "../shared/texts.js";

const HEALTH_MS = 2000;
const TEXTS = { at: (one) => new URL(`texts.${one}.json`, import.meta.url), prefix: "" };

async function loadMe() {
  try {
    state.me = await api.me();
    setOnline(true);
    emit("me");
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
    else toast(error.message, "bad");
    return false;
  }
}

/** Asks how the model is while it loads, and whether the server is back while it is away. */
async function watchHealth() {
  const wasOnline = state.online;
  try {
    const { model } = await api.health();
    if (model !== state.model) {
      state.model = model;
      emit("status");
    }
    setOnline(true);
    if (!wasOnline) await comeBack();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
  }
}

async function comeBack() {
  if (!state.me) await loadMe();
  await loadList();
  await refresh();
}

function keepWatch() {
  setInterval(() => {
    if (!state.online || state.model === "loading") void watchHealth();
  }, HEALTH_MS);
  window.addEventListener("offline", () => setOnline(false));
  window.addEventListener("online", () => void watchHealth());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void watchHealth();
  });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) void comeBack();
  });
}

function sayErased() {
  try {
    if (!sessionStorage.getItem("yogeiko.erased")) return false;
    sessionStorage.clear();
  } catch {
    return false;
  }
  toast(t("erased"));
  return true;
}

async function start() {
  const [root] = await Promise.all([surface(), loadTexts(TEXTS)]);
  drawPage(root);
  root.classList.add("drawn");
  keepWatch();
  const known = await loadMe();
  await Promise.all([watchHealth(), loadList()]);
  const wanted = rememberedOpen() || state.conversations[0]?.id;
  if (wanted) await openConversation(wanted, { quiet: true });
  const erased = sayErased();
  if (known && state.me.visitor.consent === null && !erased) askConsent();
}

void start();
