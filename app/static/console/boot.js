// Loads the console once. A classic script, because Gradio drops `type="module"` when it re-creates
// the scripts of its head.
(() => {
  if (window.yogeikoBooted) return;
  window.yogeikoBooted = true;
  document.documentElement.classList.add("yogeiko-page");
  document.documentElement.lang = "ja";
  const here = new URL(document.currentScript.src);
  import(new URL("main.js", here).href).catch(() => {
    const notice = document.createElement("p");
    notice.className = "boot-failed";
    notice.textContent = "画面を読み込めませんでした。再読み込みしてください。";
    document.body.append(notice);
  });
})();
