// Bars over time, drawn as SVG, with their sums as text beside them.
import { drawing, element } from "./dom.js";
import { roundAbove } from "./charts.js";

/** Stacked bars of at most three kinds of values. */
export class BarChart {
  #legend = element("ul", { class: "legend" });
  #top = element("p", { class: "scale" });
  #svg = drawing("svg", { class: "bars", preserveAspectRatio: "none", "aria-hidden": "true" });
  #ends = element("p", { class: "scale ends" });

  constructor() {
    this.element = element("div", {}, this.#legend, this.#top, this.#svg, this.#ends);
  }

  /**
   * Draws bars. `labels` are the bars' names, `parts` the kinds: `[{label, values}]`, a value for each bar, and `format`
   * turns values into text. */
  draw(labels, parts, format) {
    const sum = (values) => values.reduce((sum, value) => sum + value, 0);
    this.#legend.replaceChildren(...parts.map(({ label, values }, index) => element("li", {},
      element("span", { class: `swatch fill-${index + 1}` }), `${label} `, element("b", {}, format(sum(values))))));
    const heights = labels.map((_, bar) => sum(parts.map(({ values }) => values[bar])));
    const most = heights.reduce((most, height) => Math.max(most, height), 0);
    const top = most > 0 ? roundAbove(most) : 1;
    this.#top.textContent = most > 0 ? format(top) : "";
    this.#ends.replaceChildren(...[labels[0], labels.at(-1)].map((label) => element("span", {}, label)));
    this.#svg.setAttribute("viewBox", `0 0 ${labels.length * 10} 100`);
    this.#svg.replaceChildren(...labels.map((label, bar) => {
      let y = 100;
      const pieces = parts.map(({ values }, index) => {
        const height = values[bar] / top * 100;
        y -= height;
        return drawing("rect", { x: bar * 10 + 1, y, width: 8, height, class: `fill-${index + 1}` });
      });
      const title = [label, ...parts.map((part) => `${part.label} ${format(part.values[bar])}`)].join("\n");
      const whole = drawing("rect", { x: bar * 10, y: 0, width: 10, height: 100, class: "touch" });
      return drawing("g", {}, drawing("title", {}, title), whole, ...pieces);
    }));
  }
}
