// The dashboard: what the server does, live and an hour back.
import { bytes, Chart, milliseconds, percent, plain } from "./charts.js";
import { byID, element, throttled } from "./dom.js";
import { HeatMap } from "./heatmap.js";
import * as keyForm from "./keyform.js";
import { rates, Readings, values } from "./readings.js";
import { fillIn, number, t } from "./strings.js";

const readings = new Readings();
let span = 300;

/** Seconds between points: no chart has many more than 300. */
const width = () => span / 300;

const rate = (label, name) => ({ label, points: rates(readings, name, span, Math.max(2, width())) });
const level = (label, name) => ({ label, points: values(readings, name, span, width()) });
const percentiles = (name) => [50, 95, 99].map((part) => level(`p${part}`, `${name}.p${part}`));

/** The mean of a count per step. */
function perStep(label, count) {
  const steps = rates(readings, "steps", span, Math.max(2, width()));
  return { label, points: count().map(([time, value], index) => [time, steps[index]?.[1] ? value / steps[index][1] : undefined]) };
}

const rowsOf = (name) => rates(readings, name, span, Math.max(2, width()));
const decodeRows = () => {
  const prompts = rowsOf("prefill_rows");
  return rowsOf("rows").map(([time, value], index) => [time, value - (prompts[index]?.[1] ?? 0)]);
};

const kinds = ["kv", "state", "cold_state"];
const charts = [
  [new Chart(`${t("throughput")} (${t("throughputUnit")})`, plain),
    () => [rate(t("promptTokens"), "prompt_tokens"), rate(t("generatedTokens"), "generated_tokens")]],
  [new Chart(t("requests"), plain), () => [level(t("running"), "running"), level(t("waiting"), "waiting")]],
  [new Chart(t("firstTokenTime"), milliseconds), () => percentiles("first_token")],
  [new Chart(t("interToken"), milliseconds), () => percentiles("inter_token")],
  [new Chart(t("stepRows"), plain),
    () => [perStep(t("prefillRows"), () => rowsOf("prefill_rows")), perStep(t("decodes"), decodeRows)]],
  [new Chart(t("memoryUse"), percent, { limit: 1 }), () => [level(t("pages"), "kv_usage"), level(t("states"), "state_usage")]],
  [new Chart(t("cacheEntries"), plain), () => kinds.map((kind) => level(t(kind), `entries.${kind}`))],
  [new Chart(t("memory"), bytes, { unit: 2 ** 20 }), () => kinds.map((kind) => level(t(kind), `memory.${kind}`))],
  [new Chart(t("hits"), plain), () => [rate(t("hit"), "hit_tokens"),
    ...["no_kv", "no_state", "evicted"].map((cause) => rate(t(cause), `missed.${cause}`))]],
  [new Chart(t("endings"), plain), () => [["stop_reason", "stop"], ["length", "length"], ["abort", "abort"], ["error", "error"]]
    .map(([label, name]) => {
      const { points } = rate("", `finished.${name}`);
      return { label: t(label), points: points.map(([time, value]) => [time, value * 60]) };
    })],
  [new Chart(t("lost"), plain), () => [rate(t("preempted"), "preemptions"),
    rate(t("pages"), "evicted.kv"), rate(t("states"), "evicted.state")]],
  [new Chart(t("steps"), plain), () => [rate(t("steps"), "steps")]],
];
const heatMap = new HeatMap();

const totals = [
  ["promptTokens", "prompt_tokens"], ["generatedTokens", "generated_tokens"], ["hit", "hit_tokens"],
  ["no_kv", "missed.no_kv"], ["no_state", "missed.no_state"], ["evicted", "missed.evicted"], ["too_short", "missed.too_short"],
];

const draw = throttled(() => {
  const last = readings.rows.at(-1);
  if (!last) return;
  showModels();
  showKeys();
  for (const [chart, lines] of charts) chart.draw(lines(), last[0], span);
  heatMap.draw(readings.experts);
  byID("totals").replaceChildren(...totals.map(([label, name]) =>
    element("div", {}, element("dt", {}, t(label)), element("dd", {}, number(readings.value(last, name) ?? 0)))));
});

/** The picker, where there is something to pick. */
function showModels() {
  const picker = byID("model");
  if (picker.options.length !== readings.models.length) {
    picker.replaceChildren(...readings.models.map((name) => element("option", { value: name }, name)));
  }
  picker.value = readings.model;
}

/** What each key has asked for and of which models, where there are keys. */
function showKeys() {
  byID("keys").hidden = !readings.keys.length;
  const cell = (value, rowSpan = 1) => element("td", { class: "align-right", rowSpan }, value);
  byID("key-rows").replaceChildren(...readings.keys.flatMap((row) => {
    // A key that was only refused has asked for none.
    const models = row.models.length ? row.models : [undefined];
    return models.map((of, index) => element("tr", {},
      ...index ? [] : [element("th", { scope: "rowgroup", rowSpan: models.length }, row.key),
        cell(number(row.requests), models.length), cell(number(row.refused), models.length)],
      element("th", { scope: "row" }, of?.model ?? "–"),
      ...["running", "prompt_tokens", "generated_tokens"].map((name) => cell(of ? number(of[name]) : "–")),
      cell(of ? plain(readings.keyRate(row.key, of.model)) : "–")));
  }));
}

fillIn();
document.title = `${t("dashboard")} · infer-serve`;
byID("charts").append(...charts.map(([chart]) => chart.element), heatMap.element);
byID("span").append(...[5, 15, 60].map((minutes) => element("option", { value: minutes * 60 }, t("minutes", { count: minutes }))));
byID("span").addEventListener("change", () => { span = Number(byID("span").value); draw(); });
byID("model").addEventListener("change", () => {
  heatMap.reset();
  readings.choose(byID("model").value);
});
keyForm.setUp();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", draw);
readings.follow(draw, (isConnected, refusal) => {
  if (refusal) keyForm.show(refusal);
  const text = refusal?.message ?? t(isConnected ? "live" : "connecting");
  if (byID("state").textContent !== text) byID("state").textContent = text;
  byID("state").classList.toggle("is-live", isConnected);
});
