// Where Gradio lets the page be drawn.

/** Resolves with the mount point once Gradio has drawn it. */
export function surface() {
  return new Promise((resolve) => {
    const find = () => document.querySelector("#yogeiko");
    if (find()) {
      resolve(find());
      return;
    }
    const watcher = new MutationObserver(() => {
      if (!find()) return;
      watcher.disconnect();
      resolve(find());
    });
    watcher.observe(document.documentElement, { childList: true, subtree: true });
  });
}
