// Ranges of time, and the hours, days or months that they are made of, by this browser's clock.

const midnight = (date, days = 0) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);

/** A day as fields of dates have it. */
export const dayText = (date) =>
  [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");

const day = (text) => {
  const [year, month, date] = text.split("-").map(Number);
  return new Date(year, month - 1, date);
};

const hours = 3_600_000;

/** A range: its beginning, its end, which is not a part of it, and the unit that it is told in. */
export class Range {
  constructor(from, to) {
    this.from = from;
    this.to = to;
    const length = (to - from) / hours;
    this.unit = length <= 48 ? "hour" : length <= 24 * 93 ? "day" : "month";
  }

  /** `day`, `week` or `month` up to now, or two days with a slash between. */
  static named(name) {
    const now = new Date();
    const next = new Date(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours() + 1);
    if (name === "day") return new Range(new Date(next - 24 * hours), next);
    if (name === "week") return new Range(midnight(now, -6), midnight(now, 1));
    if (name === "month") return new Range(midnight(now, -29), midnight(now, 1));
    const [from, to] = name.split("/").map(day);
    return new Range(from, midnight(to, 1));
  }

  /** The units, by their beginnings. */
  get units() {
    const units = [];
    for (let unit = this.start(this.from); unit < this.to; unit = this.#after(unit)) units.push(unit);
    return units;
  }

  /** The beginning of the unit that a time is in. */
  start(time) {
    if (this.unit === "hour") return new Date(Math.floor(time / hours) * hours);
    return this.unit === "day" ? midnight(time) : new Date(time.getFullYear(), time.getMonth());
  }

  #after(unit) {
    if (this.unit === "hour") return new Date(unit.getTime() + hours);
    return this.unit === "day" ? midnight(unit, 1) : new Date(unit.getFullYear(), unit.getMonth() + 1);
  }

  /** The query of the server for this range, with sums told apart by `by`. */
  query(by) {
    const text = (time) => `${time.toISOString().slice(0, 19)}Z`;
    return new URLSearchParams({ by, from: text(this.from), to: text(this.to) });
  }
}
