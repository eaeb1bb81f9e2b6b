// Elements of the page. Text becomes text: nothing here, or anywhere in the page, reads HTML.

/**
 * An element with properties, `on…` listeners, `aria…`/`data…`/other attributes and children.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else if (name in made && !name.startsWith("aria")) made[name] = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

export const byID = (id) => document.getElementById(id);

// Outlines of icons on a square of 24.
const paths = {
  menu: "M4 6h16M4 12h16M4 18h16",
  add: "M12 5v14M5 12h14",
  settings: "M4 7h10M18 7h2M4 17h2M10 17h10M14 4v6M10 14v6",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  edit: "M4 20l4-1L19 8l-3-3L5 16zM14 7l3 3",
  again: "M4 12a8 8 0 1 1 3 6M4 18v-5h5",
  previous: "M15 5l-7 7 7 7",
  next: "M9 5l7 7-7 7",
  remove: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  close: "M6 6l12 12M18 6L6 18",
  chart: "M4 20V10M10 20V4M16 20v-7M21 20H3",
  done: "M5 13l5 5L20 6",
};

/** An element of a drawing. */
export function drawing(tag, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** An icon, which is only there to be seen. */
export function icon(name) {
  return drawing("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, drawing("path", { d: paths[name] }));
}

/** A button that shows an icon and is called `label`. */
export function iconButton(name, label, onclick, attributes = {}) {
  return element("button", { type: "button", class: "icon", title: label, "aria-label": label, onclick, ...attributes }, icon(name));
}

/** Has the browser save a blob as a file. */
export function download(file, name) {
  const link = element("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Tells users of screen readers something, once. */
export function announce(text) {
  const region = byID("status");
  region.textContent = "";
  // A change is only heard if the region was empty before.
  setTimeout(() => { region.textContent = text; }, 50);
}

/** Calls `draw` once before the next frame, however often the result is called; in hidden pages once a second. */
export function throttled(draw) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    const run = () => { waits = false; draw(); };
    if (document.hidden) setTimeout(run, 1000); else requestAnimationFrame(run);
  };
}
