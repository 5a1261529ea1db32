// The pairs that a filter finds, page by page, and which of them one is at.

import { get } from "../api.js";

const PAGE = 50;

/** The list. `filter`: {night, status, source, margin_above}. */
export function pairList(filter) {
  const state = { pairs: [], total: 0, at: 0, inbox: null };
  const asked = () => ({ ...filter, limit: PAGE });

  return {
    state,
    filter,

    get current() {
      return state.pairs[state.at] ?? null;
    },

    /** Reads the first page; stays at the pair called `id` if it is there. */
    async load(id = null) {
      const answer = await get("pairs", asked());
      Object.assign(state, { pairs: answer.pairs, total: answer.total, inbox: answer.inbox });
      state.at = Math.max(0, state.pairs.findIndex((one) => one.id === id));
    },

    /** Goes `step` pairs on, reading more where the page ends; whether there was one. */
    async move(step) {
      const to = state.at + step;
      if (to < 0) return false;
      if (to >= state.pairs.length && !(await this.more())) return false;
      state.at = to;
      return true;
    },

    /** Reads more pairs than are there; whether there were any. Those decided meanwhile may have
     * left the filter, so what is known already is passed over. */
    async more() {
      if (state.pairs.length >= state.total) return false;
      const stay = state.pairs.filter((one) => !filter.status || one.status === filter.status);
      const answer = await get("pairs", { ...asked(), offset: stay.length });
      const known = new Set(state.pairs.map((one) => one.id));
      const fresh = answer.pairs.filter((one) => !known.has(one.id));
      state.pairs.push(...fresh);
      state.inbox = answer.inbox;
      return fresh.length > 0;
    },

    /** Puts a changed pair in its place; adds it behind the current one where it was not. */
    put(pair, counts) {
      const at = state.pairs.findIndex((one) => one.id === pair.id);
      if (at >= 0) state.pairs[at] = pair;
      else {
        state.pairs.splice(state.at, 0, pair);
        state.total += 1;
      }
      if (state.inbox && (state.inbox.night === pair.night || !state.inbox.night)) {
        if (state.inbox.night) state.inbox.counts = counts;
      }
      return state.pairs.findIndex((one) => one.id === pair.id);
    },

    goTo(id) {
      const at = state.pairs.findIndex((one) => one.id === id);
      if (at >= 0) state.at = at;
    },
  };
}
