// What the page knows, and who wants to hear when it changes.

export const state = {
  me: null,
  conversations: [],
  query: "",
  // The open conversation, or null on the empty stage: {id, title, adapter, turns}.
  current: null,
  opening: false,
  model: "ready", // ready | loading | failed
  online: true,
  sending: false,
};

const listeners = new Map();

/** Calls `listener` whenever `topic` is emitted. Topics: me, list, conversation, turn,
 * status, and away for a click outside of what is open. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
}

/** Forgets every listener; the page is being rebuilt in another language. */
export function forgetListeners() {
  listeners.clear();
}

export function emit(topic, detail) {
  for (const listener of listeners.get(topic) ?? []) listener(detail);
}

/** The variant of a turn that is on show, or undefined. */
export function shownReply(turn) {
  return turn.replies[turn.shown] ?? turn.replies.at(-1);
}

export function isActive(reply) {
  return reply !== undefined && (reply.status === "queued" || reply.status === "streaming");
}

/** The first reply of the open conversation that is still being written, or undefined. */
export function activeReply() {
  for (const turn of state.current?.turns ?? []) {
    const reply = turn.replies.find(isActive);
    if (reply) return reply;
  }
  return undefined;
}

/** Whether another reply must wait: one is being asked for or being written. */
export function isBusy() {
  return state.sending || activeReply() !== undefined;
}

/** Finds a reply of the open conversation: {turn, reply} or undefined. */
export function findReply(replyId) {
  for (const turn of state.current?.turns ?? []) {
    const reply = turn.replies.find((each) => each.id === replyId);
    if (reply) return { turn, reply };
  }
  return undefined;
}

export function findTurn(turnId) {
  return state.current?.turns.find((turn) => turn.id === turnId);
}

const LAST = "yogeiko.last";

/** Remembers which conversation was open, in this browser only. */
export function rememberOpen(conversationId) {
  const hash = conversationId ? `#c=${conversationId}` : "";
  history.replaceState(null, "", location.pathname + location.search + hash);
  try {
    if (conversationId) localStorage.setItem(LAST, conversationId);
    else localStorage.removeItem(LAST);
  } catch {
    // Storage may be refused; the address still holds it.
  }
}

/** The conversation named in the address, else the one open last, else "". */
export function rememberedOpen() {
  const named = /^#c=([\w-]+)$/.exec(location.hash)?.[1];
  if (named) return named;
  try {
    return localStorage.getItem(LAST) ?? "";
  } catch {
    return "";
  }
}
