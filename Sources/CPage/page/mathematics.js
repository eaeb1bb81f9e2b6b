// Mathematics as MathML, which needs neither fonts nor styles. KaTeX is loaded when the first formula comes.

let loading;

function load() {
  loading ??= new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = "page/vendor/katex.js";
    script.onload = () => resolve(window.katex);
    script.onerror = () => resolve(null);
    document.head.append(script);
  });
  return loading;
}

// Longer formulas are shown as they were written.
const limit = 4000;

/** An element that shows a formula: first its source, then what it means. */
export function formula(source, isDisplayed) {
  const shown = document.createElement(isDisplayed ? "div" : "span");
  shown.className = "formula";
  shown.textContent = source;
  if (source.length > limit) return shown;
  load().then((katex) => {
    const made = document.createElement("span");
    try {
      katex.render(source, made, {
        displayMode: isDisplayed, output: "mathml", trust: false, strict: "ignore", maxExpand: 500, maxSize: 20,
      });
      shown.replaceChildren(...made.childNodes);
    } catch {
      shown.classList.add("source");
    }
  });
  return shown;
}
