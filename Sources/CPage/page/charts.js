// Charts over time, drawn on canvases. Each has its latest values beside it as text, for all who do not see the lines.
import { element } from "./dom.js";
import { number } from "./strings.js";

/** The next number above that is round: 1, 2 or 5 with zeros. */
export function roundAbove(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((digit) => digit * power).find((round) => round >= value * 0.999);
}

export const bytes = (value) =>
  value >= 2 ** 30 ? `${number(value / 2 ** 30, 1)} GiB` : value >= 2 ** 20 ? `${plain(value / 2 ** 20)} MiB` : `${number(value / 1024)} KiB`;
export const plain = (value) => number(value, value > 0 && value < 10 && value !== Math.round(value) ? 1 : 0);
export const milliseconds = (value) =>
  value >= 1 ? `${number(value, value < 10 ? 2 : 1)} s` : `${number(value * 1000, value < 0.01 ? 1 : 0)} ms`;
export const percent = (value) => `${number(value * 100)} %`;

/** A chart of some lines: `[{label, points: [[time, value]]}]`, with at most four colours, told apart by dashes as well. */
export class Chart {
  #format;
  #canvas = element("canvas", { "aria-hidden": "true" });
  #legend = element("ul", { class: "legend" });
  #limit;
  #unit;

  /** `limit` is the highest value that there can be, `unit` the number of which values are told in round numbers. */
  constructor(title, format, { limit, unit = 1 } = {}) {
    this.#format = format;
    this.#limit = limit;
    this.#unit = unit;
    this.element = element("section", { class: "chart" }, element("h2", {}, title), this.#legend, this.#canvas);
  }

  draw(lines, end, span) {
    this.#tell(lines);
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    if (!width) return;
    const scale = devicePixelRatio;
    if (this.#canvas.width !== Math.round(width * scale)) this.#canvas.width = Math.round(width * scale);
    if (this.#canvas.height !== Math.round(height * scale)) this.#canvas.height = Math.round(height * scale);
    const pen = this.#canvas.getContext("2d");
    const style = getComputedStyle(this.#canvas);
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, width, height);
    const most = lines.reduce((most, line) => line.points.reduce((most, [, value]) => Math.max(most, value ?? 0), most), 0);
    const top = this.#limit ?? (most > 0 ? roundAbove(most / this.#unit) * this.#unit : this.#unit);
    const [above, below] = [6, 18];
    const y = (value) => height - below - (value / top) * (height - above - below);
    const x = (time) => width * (1 - (end - time) / span);
    this.#drawGrid(pen, style, width, [0, 0.5, 1].map((share) => y(top * share)));
    lines.forEach((line, index) => {
      pen.strokeStyle = getComputedStyle(this.#legend.children[index].firstChild).borderTopColor;
      pen.lineWidth = 1.75;
      pen.setLineDash([[], [6, 3], [2, 3], [8, 3, 2, 3]][index % 4]);
      pen.beginPath();
      let isDrawn = false;
      for (const [time, value] of line.points) {
        if (value === undefined) { isDrawn = false; continue; }
        if (isDrawn) pen.lineTo(x(time), y(Math.min(value, top))); else pen.moveTo(x(time), y(Math.min(value, top)));
        isDrawn = true;
      }
      pen.stroke();
    });
    pen.setLineDash([]);
    this.#write(pen, style, `−${number(span / 60)} min`, height - 4);
    for (const share of [0.5, 1]) this.#write(pen, style, this.#format(top * share), y(top * share) + 12);
  }

  #drawGrid(pen, style, width, heights) {
    pen.strokeStyle = style.borderTopColor;
    pen.lineWidth = 1;
    for (const height of heights) {
      pen.beginPath();
      pen.moveTo(0, Math.round(height) + 0.5);
      pen.lineTo(width, Math.round(height) + 0.5);
      pen.stroke();
    }
  }

  /** Text that lines run behind. */
  #write(pen, style, text, y) {
    pen.font = "11px system-ui, sans-serif";
    pen.lineJoin = "round";
    pen.lineWidth = 4;
    pen.strokeStyle = style.backgroundColor;
    pen.strokeText(text, 2, y);
    pen.fillStyle = style.color;
    pen.fillText(text, 2, y);
  }

  #tell(lines) {
    this.#legend.replaceChildren(...lines.map((line, index) => {
      const value = line.points.at(-1)?.[1];
      return element("li", { class: `line-${index + 1}` }, element("span", { class: "key", "aria-hidden": "true" }),
        `${line.label} `, element("b", {}, value === undefined ? "–" : this.#format(value)));
    }));
  }
}
