// The load of experts: a row for each layer, a cell for each expert, whose colour is stronger the more it has to do.
import { element } from "./dom.js";
import { number, t } from "./strings.js";

export class HeatMap {
  #first;
  #body = element("tbody");
  #cells = [];
  #note = element("p", { class: "hint" });

  constructor() {
    const table = element("table", { class: "heat" }, element("caption", { class: "unseen" }, t("experts")), this.#body);
    this.element = element("section", { class: "chart whole" }, element("h2", {}, t("experts")), this.#note,
      element("div", { class: "wide", tabIndex: 0, role: "group", "aria-label": t("experts") }, table));
  }

  /** Shows the rows that experts have computed since the first time that there were any. */
  draw(layers) {
    this.#note.textContent = t(layers.length ? "expertsHint" : "noExperts");
    if (!layers.length) return;
    // A server that was started again counts from zero.
    const isNew = !this.#first || layers.some(({ rows }, layer) => rows.some((count, expert) => count < (this.#first[layer]?.rows[expert] ?? 0)));
    if (isNew) this.#first = layers.map(({ rows }) => ({ rows: this.#first ? rows.map(() => 0) : rows }));
    if (this.#cells.length !== layers.length) this.#build(layers);
    layers.forEach(({ layer, rows }, index) => {
      let done = rows.map((count, expert) => count - (this.#first[index]?.rows[expert] ?? 0));
      let sum = done.reduce((a, b) => a + b, 0);
      // Until something is computed, all that was counts.
      if (!sum) [done, sum] = [rows, rows.reduce((a, b) => a + b, 0)];
      done.forEach((count, expert) => {
        const share = sum ? count / (sum / rows.length) : 0;
        const cell = this.#cells[index][expert];
        cell.className = `heat-${Math.min(8, Math.round(share * 4))}`;
        cell.title = t("expertCell", { layer, expert, rows: number(count), share: `${number(share * 100)} %` });
        cell.firstChild.textContent = `${number(share * 100)} %`;
      });
    });
  }

  /** Another model's layers come next. */
  reset() {
    this.#first = undefined;
    this.#cells = [];
    this.#body.replaceChildren();
  }

  #build(layers) {
    this.#cells = layers.map(({ rows }) => rows.map(() => element("td", {}, element("span", { class: "unseen" }))));
    this.#body.replaceChildren(...layers.map(({ layer }, index) =>
      element("tr", {}, element("th", { scope: "row" }, t("layer", { layer })), ...this.#cells[index])));
  }
}
