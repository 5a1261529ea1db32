// Her face and her picture.

import { h } from "../shared/dom.js";

const AVATAR = new URL("portrait.svg#face", import.meta.url).href;
export const PORTRAIT = new URL("portrait.svg", import.meta.url).href;

/** Returns her face in a round frame. */
export function avatar(size) {
  return h("img", { class: `avatar avatar-${size}`, src: AVATAR, alt: "", draggable: "false" });
}
