// What keys have used of models: sums over a range of time, what they cost, and when it was.
import { get, Refusal, request } from "./api.js";
import { BarChart } from "./bars.js";
import { plain } from "./charts.js";
import { byID, download, element } from "./dom.js";
import * as keyForm from "./keyform.js";
import { dayText, Range } from "./ranges.js";
import { date, fillIn, language, number, t } from "./strings.js";

const measures = {
  tokensUsed: {
    format: plain, parts: [["cachedTokens", (row) => row.cached_tokens],
      ["readTokens", (row) => row.prompt_tokens - row.cached_tokens], ["generatedTokens", (row) => row.generated_tokens]],
  },
  requests: { format: plain, parts: [["requests", (row) => row.requests]] },
  compute: { format: plain, parts: [["compute", (row) => row.seconds]] },
  cost: { format: (value) => money(value), parts: [["cost", (row) => row.cost ?? 0]] },
};

// Name of the column, text above it, and how its values are written.
const counts = [
  ["requests", "requests", number], ["prompt_tokens", "promptTokens", number], ["cached_tokens", "cachedTokens", number],
  ["generated_tokens", "generatedTokens", number], ["seconds", "compute", (value) => number(value, 1)],
  ["cost", "cost", (value) => value === null ? "–" : money(value)],
];
const isName = (column) => names.some(([name]) => name === column);
const names = [["key", "apiKey", (name) => name || t("noKey")], ["model", "model", (name) => name || "–"]];

const money = (value) => value.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 6 : 2 });

let range = Range.named("week");
let rows = [];
let hours = [];
let currency = "";
let order;
let loading = new AbortController();
const chart = new BarChart();

const costOf = (rows) => rows.some((row) => row.cost !== null) ? rows.reduce((sum, row) => sum + (row.cost ?? 0), 0) : null;
const sumOf = (rows) => Object.fromEntries(counts.map(([name]) =>
  [name, name === "cost" ? costOf(rows) : rows.reduce((sum, row) => sum + row[name], 0)]));
const title = (name) => name === "cost" && currency ? t("costIn", { currency }) : t(name);

/** Asks the server for the range, and shows what it tells. */
async function load() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  const wanted = range;
  byID("state").textContent = t("reading");
  try {
    // Longer ranges are told by months, for which days are as good as hours.
    const [sums, times] = await Promise.all(["key,model", wanted.unit === "month" ? "day" : "hour"]
      .map((by) => get(`usage?${wanted.query(by)}`, signal)));
    [rows, hours, currency] = [sums.data, times.data, sums.currency];
    byID("off").hidden = true;
    byID("shown").hidden = false;
    byID("key-form").hidden = true;
    show();
    byID("state").textContent = t("asOf", { time: date(new Date(), { hour: "2-digit", minute: "2-digit" }) });
  } catch (error) {
    if (signal.aborted) return;
    const isOff = error.code === "usage_off";
    byID("off").hidden = !isOff;
    if (error instanceof Refusal) byID("shown").hidden = true;
    byID("state").textContent = isOff ? "" : error instanceof Refusal ? error.message : t("connectionLost");
    keyForm.show(error);
  }
}

function show() {
  showMeasures();
  showTimes();
  showSums();
  const isPriced = rows.some((row) => row.cost !== null);
  byID("note").textContent = !rows.length ? t("nothingUsed") : !isPriced ? t("noPrices")
    : rows.some((row) => row.cost === null) ? t("somePrices") : "";
}

function showMeasures() {
  const chosen = byID("measure").value || "tokensUsed";
  const all = Object.keys(measures).filter((name) => name !== "cost" || costOf(rows) !== null);
  byID("measure").replaceChildren(...all.map((name) => element("option", { value: name }, title(name))));
  byID("measure").value = all.includes(chosen) ? chosen : "tokensUsed";
}

const formats = {
  hour: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" },
  day: { year: "numeric", month: "short", day: "numeric" }, month: { year: "numeric", month: "long" },
};

/** What was used by and by: as bars, and as a table for all who do not see them. */
function showTimes() {
  const units = range.units;
  const found = new Map(units.map((unit) => [unit.getTime(), []]));
  for (const row of hours) {
    // The noon of a day lies in the day everywhere.
    const time = new Date(row.hour ?? `${row.day}T12:00:00Z`);
    found.get(range.start(time).getTime())?.push(row);
  }
  const sums = units.map((unit) => sumOf(found.get(unit.getTime())));
  const labels = units.map((unit) => date(unit, formats[range.unit]));
  const { parts, format } = measures[byID("measure").value];
  chart.draw(labels, parts.map(([name, value]) => ({ label: title(name), values: sums.map(value) })), format);
  const used = labels.map((label, index) => [label, sums[index]]).filter(([, sum]) => sum.requests);
  byID("times").replaceChildren(
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("time")),
      ...counts.map(([, name]) => element("th", { scope: "col" }, title(name))))),
    element("tbody", {}, ...used.map(([label, sum]) => element("tr", {}, element("th", { scope: "row" }, label), ...cells(sum)))));
}

const cells = (row) => counts.map(([name, , format]) => element("td", { class: "align-right" }, format(row[name])));

/** The sums by key and model, in the order that was chosen: without one, the dearest or longest first. */
function showSums() {
  const { column, isDown } = order ?? { column: costOf(rows) === null ? "seconds" : "cost", isDown: true };
  const sorted = rows.toSorted((one, other) => {
    const [a, b] = [one[column], other[column]];
    const difference = isName(column) ? a.localeCompare(b) : (a ?? -1) - (b ?? -1);
    return isDown ? -difference : difference;
  });
  const columns = [...names, ...counts];
  byID("sums").replaceChildren(
    element("thead", {}, element("tr", {}, ...columns.map(([name, label]) => element("th", {
      scope: "col", "aria-sort": name === column ? (isDown ? "descending" : "ascending") : undefined,
    }, element("button", { type: "button", "data-column": name, onclick: () => sort(name, name === column ? !isDown : !isName(name)) },
      title(label)))))),
    element("tbody", {}, ...sorted.map((row) => element("tr", {},
      ...names.map(([name, , format], index) => element(index ? "td" : "th", { scope: index ? undefined : "row" }, format(row[name]))),
      ...cells(row)))),
    element("tfoot", {}, element("tr", {}, element("th", { scope: "row", colSpan: names.length }, t("sum")), ...cells(sumOf(rows)))));
}

function sort(column, isDown) {
  order = { column, isDown };
  showSums();
  byID("sums").querySelector(`[data-column=${column}]`).focus();
}

/** The range that the address names; a week where it names none. */
function readAddress() {
  const name = location.hash.slice(1);
  const isCustom = /^20\d\d-\d\d-\d\d\/20\d\d-\d\d-\d\d$/.test(name);
  byID("range").value = isCustom ? "custom" : ["day", "week", "month"].includes(name) ? name : "week";
  byID("custom").hidden = !isCustom;
  if (isCustom) [byID("from").value, byID("to").value] = name.split("/");
  choose();
}

/** Shows the range that the fields name. */
function choose() {
  const isCustom = byID("range").value === "custom";
  const [from, to] = [byID("from"), byID("to")];
  to.setCustomValidity(from.value <= to.value ? "" : t("wrongOrder"));
  if (isCustom && !byID("choice").checkValidity()) return byID("choice").reportValidity();
  const name = isCustom ? `${from.value}/${to.value}` : byID("range").value;
  history.replaceState(null, "", `#${name}`);
  range = Range.named(name);
  load();
}

fillIn();
document.title = `${t("usage")} · infer-serve`;
byID("bars").append(chart.element);
byID("range").append(...["day", "week", "month", "custom"].map((name) => element("option", { value: name }, t(`range-${name}`))));
byID("from").value = dayText(new Date(Date.now() - 29 * 86_400_000));
byID("to").value = dayText(new Date());
byID("range").addEventListener("change", () => {
  byID("custom").hidden = byID("range").value !== "custom";
  choose();
});
for (const id of ["from", "to"]) byID(id).addEventListener("change", choose);
byID("choice").addEventListener("submit", (event) => { event.preventDefault(); choose(); });
byID("measure").addEventListener("change", showTimes);
byID("csv").addEventListener("click", async () => {
  const last = new Date(range.to - 1);
  try {
    const response = await request(`usage?${range.query("key,model")}&format=csv`, { headers: { Accept: "text/csv" } });
    download(await response.blob(), `usage-${dayText(range.from)}-${dayText(last)}.csv`);
  } catch (error) { byID("state").textContent = error.message; }
});
keyForm.setUp(load);
addEventListener("hashchange", readAddress);
document.addEventListener("visibilitychange", () => { if (!document.hidden) load(); });
readAddress();
