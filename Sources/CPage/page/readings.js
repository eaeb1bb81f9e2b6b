// The server's readings, second by second: those of the last hour, and those that come.
import { events, Refusal, request } from "./api.js";

const kept = 3700;

export class Readings {
  model = "";
  /** The names of all models. */
  models = [];
  /** One array a reading, the oldest first. */
  rows = [];
  /** `[{layer, rows}]`: rows that each expert has computed. */
  experts = [];
  /** What keys have asked for. */
  keys = [];
  /** The same of the last minute, as `[time, keys]`. */
  #earlierKeys = [];
  #columns = new Map();
  #control;

  /** A value of a reading; `undefined` where it has none. */
  value(row, name) { return row?.[this.#columns.get(name)] ?? undefined; }

  /** Tokens a second that were generated of late for a key by a model. */
  keyRate(key, model) {
    const [[start, first], [end, last]] = [this.#earlierKeys[0], this.#earlierKeys.at(-1)];
    const generated = (keys) => keys.find((row) => row.key === key)?.models.find((row) => row.model === model)?.generated_tokens ?? 0;
    return end > start ? (generated(last) - generated(first)) / (end - start) : 0;
  }

  /** The index of the first reading that is at most `seconds` older than the last. */
  from(seconds) {
    const start = (this.rows.at(-1)?.[0] ?? 0) - seconds;
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.rows[middle][0] < start) low = middle + 1; else high = middle;
    }
    return low;
  }

  /**
   * Follows the server for ever. `changed` is called after each reading, `connected` when the connection comes, or goes
   * with the refusal, where the server has told one. */
  async follow(changed, connected) {
    for (;;) {
      this.#control = new AbortController();
      const query = this.model ? `?model=${encodeURIComponent(this.model)}` : "";
      try {
        const { signal } = this.#control;
        const response = await request(`stats${query}`, { headers: { Accept: "text/event-stream" }, signal });
        connected(true);
        for await (const event of events(response)) {
          this.#take(event);
          changed();
        }
        connected(false);
      } catch (error) {
        // The server may come back, and a key may be given.
        connected(false, error instanceof Refusal ? error : undefined);
      }
      if (this.#control.signal.aborted) continue;
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }

  /** Follows another model from now on. */
  choose(model) {
    this.model = model;
    this.#control.abort();
  }

  #take(event) {
    if (event.type === "history") {
      this.model = event.model;
      this.models = event.models;
      this.#columns = new Map(event.columns.map((name, index) => [name, index]));
      this.rows = [];
      this.#earlierKeys = [];
    }
    for (const row of event.rows) if (row[0] > (this.rows.at(-1)?.[0] ?? 0)) this.rows.push(row);
    if (this.rows.length > kept) this.rows.splice(0, this.rows.length - kept);
    if (event.experts) this.experts = event.experts;
    if (event.keys) {
      this.keys = event.keys;
      const time = this.rows.at(-1)?.[0] ?? 0;
      this.#earlierKeys.push([time, event.keys]);
      while (this.#earlierKeys[0][0] < time - 60) this.#earlierKeys.shift();
    }
  }
}

/** A count's growth per second between readings at least `width` seconds apart, as `[time, value]`. */
export function rates(readings, name, span, width) {
  const points = [];
  let before;
  for (let index = readings.from(span); index < readings.rows.length; index++) {
    const row = readings.rows[index];
    if (before && row[0] - before[0] < width) continue;
    const grown = before && readings.value(row, name) - readings.value(before, name);
    // A server that was started again counts from zero.
    if (before) points.push([row[0], grown < 0 ? 0 : grown / (row[0] - before[0])]);
    before = row;
  }
  return points;
}

/** A number as it was read, as `[time, value]`. */
export function values(readings, name, span, width) {
  const points = [];
  let last = -Infinity;
  for (let index = readings.from(span); index < readings.rows.length; index++) {
    const row = readings.rows[index];
    if (row[0] - last < width) continue;
    points.push([row[0], readings.value(row, name)]);
    last = row[0];
  }
  return points;
}
