// What a filter of replies is made of, and its form in an address.

export const METRICS = [
  "agency",
  "attentiveness",
  "consistency",
  "ease",
  "empathetic",
  "emotion",
  "enjoyability",
  "humanness",
  "personality",
  "respeak",
  "topic",
  "trust",
];

export const FLAGS = ["unscored", "conflict", "personal", "safety", "regenerated"];
const WORDS = ["text", "adapter", "since", "until", "visitor", "thumb"];
const TRUTHS = [...FLAGS, "reviewed", "on_screen"];
export const NOTHING = { range: [] };

/** Reads {filter, sort} out of an address; unknown names are passed over. */
export function readFilter(query) {
  const filter = { range: query.getAll("range") };
  for (const name of WORDS) if (query.get(name)) filter[name] = query.get(name);
  for (const name of TRUTHS) if (query.get(name)) filter[name] = query.get(name) === "true";
  return { filter, sort: query.get("sort") ?? "newest" };
}

/** The query of an address or a route that names this filter and order. */
export function asQuery(filter, sort = "newest") {
  return { ...filter, sort: sort === "newest" ? null : sort };
}

/** Whether anything is asked for. */
export function isFiltered({ range, ...rest }) {
  return range.length > 0 || Object.keys(rest).length > 0;
}
