// What a visitor can do: each action changes the state, tells the server, and says what went wrong.

import { ApiError, api, followReply } from "./api.js";
import { toast } from "../shared/notices.js";
import {
  activeReply,
  emit,
  findReply,
  findTurn,
  isActive,
  isBusy,
  rememberOpen,
  state,
} from "./state.js";
import { t } from "../shared/texts.js";

const following = new Map();

/** Runs an action; an ApiError becomes a notice and the answer is undefined. */
async function attempt(action) {
  try {
    const answer = await action();
    setOnline(true);
    return answer ?? true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
    toast(error.message, "bad");
    return undefined;
  }
}

export function setOnline(online) {
  if (state.online === online) return;
  state.online = online;
  emit("status");
}

export async function loadList() {
  const query = state.query;
  try {
    const answer = await api.conversations(query);
    if (query !== state.query) return;
    state.conversations = answer.conversations;
    setOnline(true);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
    else toast(error.message, "bad");
  }
  emit("list");
}

export function search(query) {
  state.query = query;
  return loadList();
}

function stopFollowing() {
  for (const close of following.values()) close();
  following.clear();
}

/** Leaves the open conversation for the empty stage; running replies go on at the server. */
export function startNew() {
  stopFollowing();
  state.current = null;
  rememberOpen(null);
  emit("conversation");
  emit("list");
}

/** Opens a conversation and picks up its running replies. Returns whether it is there. */
export async function openConversation(id, { quiet = false } = {}) {
  stopFollowing();
  state.opening = true;
  try {
    state.current = await api.conversation(id);
    rememberOpen(id);
    setOnline(true);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
    if (!quiet) toast(error.message, "bad");
    if (error.status === 404) rememberOpen(null);
    return false;
  } finally {
    state.opening = false;
  }
  emit("conversation", { opened: true });
  emit("list");
  followAll();
  return true;
}

/** Fetches the open conversation anew, as after a lost connection. */
export async function refresh() {
  const open = state.current;
  if (!open) return;
  try {
    const fresh = await api.conversation(open.id);
    if (state.current?.id !== open.id) return;
    state.current = fresh;
    setOnline(true);
    emit("conversation");
    followAll();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === "offline") setOnline(false);
    else if (error.status === 404) startNew();
  }
}

function followAll() {
  for (const turn of state.current?.turns ?? []) followTurn(turn);
}

/** Follows what of a turn is being written: one reply, or both of a duel. */
function followTurn(turn) {
  for (const reply of turn.replies) if (isActive(reply)) follow(turn.id, reply.id);
}

function follow(turnId, replyId) {
  if (following.has(replyId)) return;
  const change = (patch, kind) => {
    const found = findReply(replyId);
    if (!found) return;
    Object.assign(found.reply, patch);
    emit("turn", { turn: found.turn, kind });
  };
  const end = (patch) => {
    following.delete(replyId);
    setOnline(true);
    change(patch, "ended");
    emit("status");
    const turn = findTurn(turnId);
    // Only the server knows whether two answers can be compared: both must have ended well.
    if (turn?.duel && !turn.replies.some(isActive)) void refresh();
    void loadList();
  };
  const close = followReply(replyId, {
    queued: ({ position }) => change({ status: "queued", position }, "state"),
    text: ({ text }) => {
      const found = findReply(replyId);
      const started = found?.reply.status !== "streaming";
      change({ status: "streaming", text }, started ? "state" : "text");
    },
    done: ({ reply }) => end(reply),
    failed: ({ message, reply }) => end({ ...reply, status: "failed", message }),
    lost: () => {
      setOnline(false);
      void refresh().then(() => forgetIfEnded(replyId));
    },
    back: () => setOnline(true),
  });
  following.set(replyId, close);
  emit("status");
}

function forgetIfEnded(replyId) {
  const found = findReply(replyId);
  if (found && isActive(found.reply)) return;
  following.get(replyId)?.();
  following.delete(replyId);
}

/** Says `text`; opens a conversation first when none is. Returns whether the server has it. */
export async function say(text) {
  if (isBusy()) return false;
  return sending(async () => {
    if (!state.current && !(await begin())) return false;
    const conversation = state.current;
    const turn = await sendTurn(conversation, text);
    if (!turn) return false;
    if (state.current === conversation) {
      for (const earlier of conversation.turns) earlier.duel = null;
      conversation.turns.push(turn);
      emit("conversation", { said: turn.id });
      followTurn(turn);
    }
    void loadList();
    return true;
  });
}

/** Runs a request for a reply; meanwhile no other can be made. */
async function sending(request) {
  state.sending = true;
  emit("status");
  try {
    return await request();
  } finally {
    state.sending = false;
    emit("status");
  }
}

async function begin() {
  const made = await attempt(() => api.create());
  if (!made) return false;
  state.current = { id: made.id, title: "", adapter: null, turns: [] };
  rememberOpen(made.id);
  return true;
}

async function sendTurn(conversation, text) {
  const known = new Set(conversation.turns.map((turn) => turn.id));
  try {
    const answer = await api.say(conversation.id, text);
    setOnline(true);
    return answer.turn;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code !== "offline") {
      toast(error.message, "bad");
      return undefined;
    }
    setOnline(false);
    // The answer may have been lost after the turn was kept: look before offering it again.
    const fresh = await api.conversation(conversation.id).catch(() => null);
    const last = fresh?.turns.at(-1);
    if (last && !known.has(last.id) && last.text === text) return last;
    toast(t("send_lost"), "bad");
    return undefined;
  }
}

export async function stopReply() {
  const reply = activeReply();
  if (reply) await attempt(() => api.stop(reply.id));
}

export async function regenerate(turnId) {
  if (isBusy()) return;
  const answer = await sending(() => attempt(() => api.regenerate(turnId)));
  if (answer) replaceTurn(answer.turn);
}

function replaceTurn(turn) {
  const at = state.current?.turns.findIndex((each) => each.id === turn.id) ?? -1;
  if (at < 0) return;
  state.current.turns[at] = turn;
  emit("turn", { turn, kind: "state" });
  followTurn(turn);
}

/** Answers an edited message; the old one and everything after it leave the page. */
export async function editTurn(turnId, text) {
  if (isBusy()) return false;
  const answer = await sending(() => attempt(() => api.edit(turnId, text)));
  if (!answer || !state.current) return false;
  const at = state.current.turns.findIndex((turn) => turn.id === turnId);
  if (at < 0) return false;
  state.current.turns.splice(at, Infinity, answer.turn);
  emit("conversation", { said: answer.turn.id });
  followTurn(answer.turn);
  void loadList();
  return true;
}

// The last wish sent for each turn: the next one waits for it, so that the server ends with the last.
const wishes = new Map();

/** Shows variant `index`, at once; back again if the server refuses. */
export async function showVariant(turnId, index) {
  const turn = findTurn(turnId);
  if (!turn || index < 0 || index >= turn.replies.length || index === turn.shown) return;
  const before = turn.shown;
  turn.shown = index;
  emit("turn", { turn, kind: "variant" });
  const earlier = wishes.get(turnId) ?? Promise.resolve();
  const wish = earlier.then(() => attempt(() => api.show(turnId, index)));
  wishes.set(turnId, wish);
  if ((await wish) || turn.shown !== index) return;
  turn.shown = before;
  emit("turn", { turn, kind: "variant" });
}

/** Keeps the answer the visitor likes better: "left", "right" or "same". */
export async function chooseAnswer(turnId, choice) {
  const answer = await attempt(() => api.choose(turnId, choice));
  if (!answer) {
    await refresh();
    return;
  }
  replaceTurn(answer.turn);
  toast(t("duel_thanks"));
}

export async function setLearn(turnId, learn) {
  const turn = findTurn(turnId);
  if (!turn || !(await attempt(() => api.learn(turnId, learn)))) return;
  turn.learn = learn;
  emit("turn", { turn, kind: "state" });
}

export async function setFeedback(replyId, thumb, reason) {
  const found = findReply(replyId);
  if (!found || !(await attempt(() => api.feedback(replyId, thumb, reason)))) return;
  found.reply.thumb = thumb;
  found.reply.reason = thumb ? (reason ?? null) : null;
  emit("turn", { turn: found.turn, kind: "state" });
}

export async function rename(id, title) {
  if (!(await attempt(() => api.rename(id, title)))) return;
  if (state.current?.id === id) {
    state.current.title = title;
    emit("status");
  }
  await loadList();
}

export async function remove(id) {
  if (!(await attempt(() => api.remove(id)))) return;
  if (state.current?.id === id) startNew();
  toast(t("deleted"));
  await loadList();
}

export async function setConsent(allow) {
  if (!(await attempt(() => api.setConsent(allow)))) return false;
  state.me.visitor.consent = allow;
  emit("me");
  return true;
}

export async function setDuel(allow) {
  if (!(await attempt(() => api.setDuel(allow)))) return false;
  state.me.visitor.duel = allow;
  emit("me");
  if (!allow) await refresh();
  return true;
}

/** Erases everything of this visitor, here and at the server, then starts afresh. */
export async function eraseAll() {
  stopFollowing();
  if (!(await attempt(() => api.erase()))) {
    followAll();
    return;
  }
  try {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("yogeiko.") && key !== "yogeiko.lang") localStorage.removeItem(key);
    }
    sessionStorage.setItem("yogeiko.erased", "1");
  } catch {
    // Nothing was stored, then.
  }
  location.replace(location.pathname);
}
