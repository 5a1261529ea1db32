// What the list found last, so that an opened reply knows the one before and the one after it.

let ids = [];

/** Keeps the ids of the list in their order. */
export function remember(rows) {
  ids = rows.map((row) => row.id);
}

/** Returns {before, after} of a reply; undefined where there is none. */
export function neighbours(id) {
  const at = ids.indexOf(id);
  return at < 0 ? {} : { before: ids[at - 1], after: ids[at + 1] };
}
