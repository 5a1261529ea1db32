// The console's words: one file per language and screen, known as "screen.key".

/** Returns the source of a screen's words, for `loadTexts` and `addTexts`. */
export function wordsOf(screen) {
  return {
    at: (language) => new URL(`texts/${language}/${screen}.json`, import.meta.url),
    prefix: `${screen}.`,
  };
}
