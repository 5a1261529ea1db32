// What an operator is about to say of one reply.

export const VERDICT = "verdict";
export const HIGHEST = 10;

/** Returns an entry of the queue around what the server sent. */
export function entryOf(item) {
  return { item, draft: freshDraft(), field: 0, saved: false, skipped: false, scores: null };
}

/** Returns a draft that says nothing yet. */
export function freshDraft() {
  return {
    verdict: null,
    values: {},
    edit: null,
    route: "style",
    routed: null,
    chosen: false,
    wrong: null,
    note: null,
    exclude: false,
  };
}

/** Sets a field by a number: 0-10 of a metric; of the verdict 1 is good and 2 is bad. */
export function choose(draft, field, value) {
  if (field !== VERDICT) draft.values[field] = value;
  else if (value === 1 || value === 2) draft.verdict = value === 1 ? "good" : "bad";
  else return false;
  return true;
}

/** Takes the choice of a field back. */
export function clear(draft, field) {
  if (field === VERDICT) draft.verdict = null;
  else delete draft.values[field];
}

/** Returns what a draft says, as the server takes it; empty while it says nothing. */
export function reviewsOf({ draft, item }) {
  const found = [];
  if (draft.verdict) found.push({ kind: "verdict", text: draft.verdict });
  for (const [metric, value] of Object.entries(draft.values)) {
    found.push({ kind: "metric", metric, value });
  }
  const edit = draft.edit?.trim();
  if (edit && edit !== item.text.trim()) {
    // Where neither the operator nor the server has said which it is, the server says so on saving.
    const route = draft.chosen || draft.routed ? draft.route : null;
    found.push({ kind: "edit", text: edit, route });
  }
  if (draft.wrong?.trim()) found.push({ kind: "contradiction", text: draft.wrong.trim() });
  if (draft.note?.trim()) found.push({ kind: "note", note: draft.note.trim() });
  if (draft.exclude) found.push({ kind: "exclude" });
  return found;
}
