// Tables, code and formulas that scroll sideways can be reached by the keyboard. References are items
// of their list.
(() => {
  "use strict";

  const SCROLLING = ".bd-article table, .bd-article pre, .bd-article mjx-container[display='true']";

  const mark = () => {
    for (const element of document.querySelectorAll(SCROLLING)) {
      if (element.scrollWidth > element.clientWidth) element.setAttribute("tabindex", "0");
      else element.removeAttribute("tabindex");
    }
  };

  const start = () => {
    mark();
    for (const entry of document.querySelectorAll("[role='doc-biblioentry']")) {
      entry.setAttribute("role", "listitem");
    }
    window.addEventListener("resize", mark);
    // Folds open, and MathJax writes its formulas, after the page is loaded.
    document.addEventListener("toggle", mark, true);
    window.addEventListener("load", () => setTimeout(mark, 500));
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
