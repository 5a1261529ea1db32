// Which characters two texts share: a longest common subsequence, kept small enough to draw at once.

const MOST_CELLS = 4_000_000;

/** Returns {before, after}: lists of {text, kept}; what is not kept stands in one of the two only. */
export function difference(before, after) {
  const [left, right] = [Array.from(before), Array.from(after)];
  if (left.length * right.length > MOST_CELLS) {
    return { before: [{ text: before, kept: false }], after: [{ text: after, kept: false }] };
  }
  const shared = common(left, right);
  return { before: runs(left, shared.map((pair) => pair[0])), after: runs(right, shared.map((pair) => pair[1])) };
}

/** Returns [index in left, index in right] of the characters of a longest common subsequence. */
function common(left, right) {
  const width = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i -= 1) {
    for (let j = right.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        left[i] === right[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const pairs = [];
  let [i, j] = [0, 0];
  while (i < left.length && j < right.length) {
    if (left[i] === right[j]) {
      pairs.push([i, j]);
      i += 1;
      j += 1;
    } else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}

function runs(characters, kept) {
  const marks = new Set(kept);
  const found = [];
  characters.forEach((character, at) => {
    const same = marks.has(at);
    const last = found.at(-1);
    if (last && last.kept === same) last.text += character;
    else found.push({ text: character, kept: same });
  });
  return found;
}
