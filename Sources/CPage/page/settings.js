// Settings of requests: kept in the browser, for all conversations but for the system prompt, which is a conversation's own.
import { get, key } from "./api.js";
import { byID, element } from "./dom.js";
import * as schema from "./schema.js";
import { choose, language, languages, t } from "./strings.js";

const storageName = "infer-serve.settings";

// Name, step, bounds, and the default in the server's words.
const parameters = [
  ["temperature", 0.1, 0, 2], ["top_p", 0.05, 0, 1], ["top_k", 1, 0, 1_000_000], ["min_p", 0.05, 0, 1],
  ["repetition_penalty", 0.05, 0.1, 2, "repeat_penalty"], ["presence_penalty", 0.1, -2, 2],
  ["frequency_penalty", 0.1, -2, 2], ["seed", 1, -1, 9_007_199_254_740_991], ["max_tokens", 1, 1, 10_000_000],
];

export const settings = {
  model: "", thinking: "", sampling: {}, isStructured: false, schemaText: "", toolsText: "", ...stored(),
};

function stored() {
  try { return JSON.parse(localStorage.getItem(storageName)) ?? {}; } catch { return {}; }
}

function keep() { localStorage.setItem(storageName, JSON.stringify(settings)); }

/** The settings as a request has them. */
export function current() {
  const parsed = (text) => { try { return JSON.parse(text); } catch { return undefined; } };
  const tools = parsed(settings.toolsText);
  return {
    model: settings.model, thinking: settings.thinking, sampling: settings.sampling,
    schema: settings.isStructured ? parsed(settings.schemaText) : undefined,
    tools: Array.isArray(tools) ? tools : undefined,
  };
}

/** Sets up the panel. `system` gets the conversation's system prompt when it is edited. */
export function setUp({ system }) {
  const panel = byID("settings");
  byID("open-settings").addEventListener("click", open);
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
  for (const button of panel.querySelectorAll("[data-close]")) button.addEventListener("click", () => panel.close());
  byID("system").addEventListener("change", () => system(byID("system").value));

  byID("parameters").append(...parameters.map(([name, step, min, max]) => {
    const field = element("input", { type: "number", id: name, step, min, max, inputMode: "decimal" });
    if (settings.sampling[name] !== undefined) field.value = settings.sampling[name];
    field.addEventListener("change", () => {
      if (field.value === "" || !field.checkValidity() && !field.validity.stepMismatch) {
        delete settings.sampling[name];
        field.value = "";
      } else settings.sampling[name] = Number(field.value);
      keep();
    });
    return element("label", {}, element("span", {}, t(name)), field);
  }));
  byID("reset").addEventListener("click", () => {
    settings.sampling = {};
    for (const [name] of parameters) byID(name).value = "";
    keep();
  });

  schema.setUp(settings, keep);

  byID("tools").value = settings.toolsText;
  byID("tools").addEventListener("input", () => {
    settings.toolsText = byID("tools").value;
    let message = "";
    try {
      if (settings.toolsText && !Array.isArray(JSON.parse(settings.toolsText))) message = "[ … ]";
    } catch (error) { message = error.message; }
    byID("tools-note").textContent = message && t("schemaWrong", { message });
    byID("tools").toggleAttribute("aria-invalid", Boolean(message));
    keep();
  });

  byID("key").value = key.get();
  byID("key").addEventListener("change", () => {
    key.set(byID("key").value.trim());
    byID("key-note").textContent = "";
    loadModels();
  });
  document.addEventListener("keywanted", () => {
    byID("key-note").textContent = t("keyWanted");
    if (!panel.open) open();
    byID("key").focus();
  });

  byID("language").append(...Object.entries(languages).map(([value, name]) => element("option", { value, lang: value }, name)));
  byID("language").value = language;
  byID("language").addEventListener("change", () => choose(byID("language").value));

  byID("model").addEventListener("change", () => { settings.model = byID("model").value; keep(); loadDefaults(); });
  loadModels();
  return keep;
}

export function open() { byID("settings").showModal(); }

let models = [];
const isLoaded = (model) => (model?.state ?? "loaded") === "loaded";

/** Fills the model picker; asks again while the server loads. */
export async function loadModels() {
  const picker = byID("model");
  try {
    models = (await get("v1/models")).data;
    picker.replaceChildren(...models.map((model) =>
      element("option", { value: model.id }, isLoaded(model) || model.state === "router" ? model.id : t("notLoaded", { model: model.id }))));
    if (!models.some((model) => model.id === settings.model)) settings.model = models[0]?.id ?? "";
    picker.value = settings.model;
    loadDefaults();
  } catch (error) {
    picker.replaceChildren(element("option", { value: "" }, error.status === 503 ? t("loading") : t("noModel")));
    if (error.status !== 401) setTimeout(loadModels, 2000);
  }
}

/** Shows the model's defaults in the fields that they stand for. */
async function loadDefaults() {
  let defaults = {};
  // Asking for those of a model that is not loaded would load it.
  const canAsk = isLoaded(models.find((model) => model.id === settings.model));
  try {
    if (canAsk) defaults = (await get(`props?model=${encodeURIComponent(settings.model)}`)).default_generation_settings.params;
  } catch { /* The fields are as good without. */ }
  for (const [name, , , , other] of parameters) {
    const value = defaults[other ?? name];
    const isOpen = value === undefined || value === -1;
    byID(name).placeholder = isOpen ? t(name === "max_tokens" ? "asMuch" : "none") : Math.round(value * 1e4) / 1e4;
  }
}
