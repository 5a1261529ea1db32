// What differs between two texts, character by character: their longest common subsequence.

import { h } from "../../shared/dom.js";

const MOST = 1500;
const ALIKE = 0.3;
const ISLAND = 2;

/** Returns the characters of a text as people see them. */
export function graphemes(text) {
  if (typeof Intl.Segmenter !== "function") return Array.from(text);
  const segmenter = new Intl.Segmenter("ja", { granularity: "grapheme" });
  return Array.from(segmenter.segment(text), (one) => one.segment);
}

/**
 * Returns {before, after}: both texts as runs [{text, same}], or null where they have so little in
 * common that marks would only disturb.
 */
export function difference(before, after) {
  const left = graphemes(before);
  const right = graphemes(after);
  if (Math.max(left.length, right.length) > MOST) return null;
  const pairs = commonPlaces(left, right);
  if (pairs.length < ALIKE * Math.max(left.length, right.length)) return null;
  const kept = withoutIslands(pairs);
  return {
    before: runs(left, new Set(kept.map(([at]) => at))),
    after: runs(right, new Set(kept.map(([, at]) => at))),
  };
}

/** Draws runs; what is not in the other text stands in `tag`, "ins" or "del". */
export function marked(found, tag) {
  return found.map((run) => (run.same ? run.text : h(tag, {}, run.text)));
}

/** The places [left, right] of a longest common subsequence. */
function commonPlaces(left, right) {
  const width = right.length + 1;
  const longest = new Uint16Array((left.length + 1) * width);
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      longest[row * width + column] =
        left[row] === right[column]
          ? longest[(row + 1) * width + column + 1] + 1
          : Math.max(longest[(row + 1) * width + column], longest[row * width + column + 1]);
    }
  }
  const found = [];
  let row = 0;
  let column = 0;
  while (row < left.length && column < right.length) {
    if (left[row] === right[column]) {
      found.push([row, column]);
      row += 1;
      column += 1;
    } else if (longest[(row + 1) * width + column] >= longest[row * width + column + 1]) row += 1;
    else column += 1;
  }
  return found;
}

/** Leaves out single characters that are alike by chance between two changes. */
function withoutIslands(pairs) {
  const groups = [];
  for (const [left, right] of pairs) {
    const last = groups.at(-1)?.at(-1);
    if (last && last[0] === left - 1 && last[1] === right - 1) groups.at(-1).push([left, right]);
    else groups.push([[left, right]]);
  }
  const inner = (at) => at > 0 && at < groups.length - 1;
  return groups.filter((group, at) => group.length >= ISLAND || !inner(at)).flat();
}

function runs(letters, same) {
  const found = [];
  letters.forEach((letter, at) => {
    const last = found.at(-1);
    if (last && last.same === same.has(at)) last.text += letter;
    else found.push({ text: letter, same: same.has(at) });
  });
  return found;
}
