// Builds elements. Text only ever becomes a text node: there is no innerHTML in this folder.

/**
 * Returns an element. `props`: `class`, `on` ({event: handler}), `data`, `style` (custom
 * properties), DOM properties that exist on the element, else attributes. null, undefined and
 * false are left out, in props and children.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "on") {
      for (const [event, handler] of Object.entries(value)) {
        element.addEventListener(event, handler);
      }
    } else if (name === "data") Object.assign(element.dataset, value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, String(value));
  }
  append(element, children);
  return element;
}

/** Appends children; strings become text nodes. */
export function append(parent, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child);
  }
}

/** Replaces all children and keeps keyboard focus on the control with the same `data-k`. */
export function fill(parent, ...children) {
  const active = document.activeElement;
  const key = parent.contains(active) ? active.dataset.k : undefined;
  parent.replaceChildren();
  append(parent, children);
  if (!key) return;
  const again = parent.querySelector(`[data-k="${CSS.escape(key)}"]`);
  if (again && !again.disabled) again.focus({ preventScroll: true });
}

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  search: "M11 4a7 7 0 1 0 0 14a7 7 0 0 0 0-14M16.2 16.2L20 20",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  send: "M12 19V5M6 11l6-6l6 6",
  stop: "M7.5 7.5h9v9h-9z",
  again: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  up: "M7 11v9H4v-9zM7 11l4-7.5c1.6 0 2.5 1.2 2.2 2.8L12.5 10H18c1.4 0 2.3 1.2 2 2.5l-1.4 5.7c-.3 1.1-1.1 1.8-2.2 1.8H7",
  down: "M17 13V4h3v9zM17 13l-4 7.5c-1.6 0-2.5-1.2-2.2-2.8l.7-3.7H6c-1.4 0-2.3-1.2-2-2.5L5.4 5.8C5.7 4.7 6.5 4 7.6 4H17",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  prev: "M14.5 6l-6 6l6 6",
  next: "M9.5 6l6 6l-6 6",
  clue: "M12 4a5.5 5.5 0 0 0-3 10.1V16h6v-1.9A5.5 5.5 0 0 0 12 4M10 19.5h4",
  gear: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.8v4.4M9 14.8v4.4",
  bottom: "M12 5v14M6 13l6 6l6-6",
  trash: "M5 7h14M9.5 7V4.5h5V7M7 7l.8 12.5h8.4L17 7",
  save: "M12 4v11M7.5 11l4.5 4.5l4.5-4.5M5 19.5h14",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10",
  home: "M4 11l8-7l8 7M6 9.5V20h12V9.5M10 20v-6h4v6",
  list: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  queue: "M4 6h10M4 12h7M4 18h7M14 15l3 3l4-6",
  pair: "M4 5h7v14H4zM13 5h7v14h-7z",
  chart: "M4 20V4M4 20h16M8 15l4-5l3 3l5-7",
  branch: "M7 5v14M7 8c0 4 10 2 10 8v3M7 5h.01M17 5v3",
  scales: "M12 4v16M7 20h10M5 8h14M5 8l-2.5 6h5zM19 8l-2.5 6h5z",
  book: "M5 4h11a3 3 0 0 1 3 3v13H8a3 3 0 0 1-3-3zM5 17a3 3 0 0 1 3-3h11",
  people: "M9 11a3.5 3.5 0 1 0 0-7a3.5 3.5 0 0 0 0 7M2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.5M18 14.5c2.2.8 3.5 2.7 3.5 5.5",
  door: "M6 20V4h9v16M6 20h13M12 12h.01M19 9l3 3l-3 3M22 12h-6",
  log: "M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h7",
  play: "M8 5l11 7l-11 7z",
  undo: "M9 7H15a5 5 0 0 1 0 10H7M9 7l3.5-3.5M9 7l3.5 3.5",
  filter: "M4 5h16l-6 7.5V19l-4-2v-4.5z",
  warn: "M12 4l9 16H3zM12 10v4M12 17h.01",
  shield: "M12 3.5l7 2.5v5.5c0 4.2-2.8 7.3-7 9c-4.2-1.7-7-4.8-7-9V6zM9 9.5l6 6M15 9.5l-6 6",
};

/** Returns a decorative line icon, 24 units square. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Returns a button; `label` is spoken and shown as a tooltip unless `text` shows it. */
export function button({ label, symbol, text, kind = "ghost", key, press, ...rest }) {
  return h(
    "button",
    {
      type: "button",
      class: `btn btn-${kind}`,
      "aria-label": text ? null : label,
      title: text ? null : label,
      data: key ? { k: key } : {},
      on: press ? { click: press } : {},
      ...rest,
    },
    symbol ? icon(symbol) : null,
    text ? h("span", {}, text) : null,
  );
}
