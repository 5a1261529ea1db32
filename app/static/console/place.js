// Where in the console one is: the screen and its query stand behind # in the address.

/** Returns {screen, query} of the address; `screen` "" where none is named. */
export function here() {
  const [path, query = ""] = window.location.hash.replace(/^#\/?/, "").split("?");
  return { screen: path, query: new URLSearchParams(query) };
}

/** Goes to a screen. `query`: an object or URLSearchParams; empty values are left out. */
export function go(screen, query = {}) {
  window.location.hash = hashOf(screen, query);
}

/** Changes the address of the screen one is on, without opening it anew. */
export function stay(query = {}) {
  window.history.replaceState(null, "", hashOf(here().screen, query));
}

/** Returns the address of a screen, for links. */
export function hashOf(screen, query = {}) {
  const wanted = new URLSearchParams();
  const entries = query instanceof URLSearchParams ? query.entries() : Object.entries(query);
  for (const [name, value] of entries) {
    for (const one of [value].flat()) {
      if (one !== null && one !== undefined && one !== "") wanted.append(name, one);
    }
  }
  const text = wanted.toString();
  return `#/${screen}${text ? `?${text}` : ""}`;
}
