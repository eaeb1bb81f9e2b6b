// The editor of the schema that an answer has to follow: fields, and the JSON Schema that they make.
import { byID, element, iconButton } from "./dom.js";
import { t } from "./strings.js";

const types = {
  string: ["typeText", { type: "string" }], number: ["typeNumber", { type: "number" }],
  integer: ["typeInteger", { type: "integer" }], boolean: ["typeBoolean", { type: "boolean" }],
  list: ["typeList", { type: "array", items: { type: "string" } }], choice: ["typeChoice", {}],
};

const newField = () => ({ name: "", type: "string", choices: [], isRequired: true });

/** The schema of an object with these fields. */
export function schemaOf(fields) {
  const named = fields.filter((field) => field.name);
  return {
    type: "object",
    properties: Object.fromEntries(named.map(({ name, type, choices }) =>
      [name, type === "choice" ? { type: "string", enum: choices } : types[type][1]])),
    required: named.filter((field) => field.isRequired).map((field) => field.name),
    additionalProperties: false,
  };
}

/** The fields that a schema has; `null` for one that has more than fields can show. */
export function fieldsOf(schema) {
  if (typeof schema?.properties !== "object" || schema.properties === null) return null;
  const fields = Object.entries(schema.properties).map(([name, property]) => {
    const type = Array.isArray(property?.enum) ? "choice" : property?.type === "array" ? "list" : property?.type;
    return { name, type, choices: property?.enum ?? [], isRequired: schema.required?.includes(name) ?? false };
  });
  if (fields.some((field) => !(field.type in types))) return null;
  return JSON.stringify(schemaOf(fields)) === JSON.stringify(schema) ? fields : null;
}

/** Sets up the editor of `settings.schemaText`, which counts where `settings.isStructured`. */
export function setUp(settings, changed) {
  const [text, list, note] = [byID("schema"), byID("fields"), byID("schema-note")];
  let fields = [newField()];

  const read = () => {
    try {
      const schema = JSON.parse(settings.schemaText);
      if (typeof schema !== "object" || schema === null || Array.isArray(schema)) throw new Error("{ … }");
      note.textContent = "";
      text.removeAttribute("aria-invalid");
      return schema;
    } catch (error) {
      note.textContent = t("schemaWrong", { message: error.message });
      text.setAttribute("aria-invalid", "true");
      return undefined;
    }
  };
  const write = () => {
    settings.schemaText = JSON.stringify(schemaOf(fields), null, 2);
    text.value = settings.schemaText;
    read();
    changed();
  };
  const show = () => {
    list.hidden = fields === null;
    byID("add-field").hidden = fields === null;
    if (fields === null) {
      note.textContent ||= t("schemaByHand");
      return;
    }
    list.replaceChildren(...fields.map((field, index) => row(field, write, () => {
      fields.splice(index, 1);
      write();
      show();
      byID("add-field").focus();
    })));
  };

  byID("structured").checked = settings.isStructured;
  byID("structured").addEventListener("change", () => { settings.isStructured = byID("structured").checked; changed(); });
  byID("add-field").addEventListener("click", () => {
    fields.push(newField());
    show();
    list.lastElementChild.querySelector("input").focus();
  });
  text.addEventListener("input", () => {
    settings.schemaText = text.value;
    const schema = read();
    if (schema) fields = fieldsOf(schema);
    if (schema) show();
    changed();
  });
  text.value = settings.schemaText;
  if (settings.schemaText) fields = fieldsOf(read());
  show();
}

function row(field, write, remove) {
  const name = element("input", { type: "text", value: field.name, "aria-label": t("fieldName"), placeholder: t("fieldName") });
  name.addEventListener("input", () => { field.name = name.value; write(); });
  const choices = element("input", {
    type: "text", value: field.choices.join(", "), hidden: field.type !== "choice",
    "aria-label": t("choices"), placeholder: t("choices"),
  });
  choices.addEventListener("input", () => {
    field.choices = choices.value.split(/[,，、]/).map((choice) => choice.trim()).filter(Boolean);
    write();
  });
  const type = element("select", { "aria-label": t("fieldType") },
    ...Object.entries(types).map(([value, [text]]) => element("option", { value }, t(text))));
  type.value = field.type;
  type.addEventListener("change", () => { field.type = type.value; choices.hidden = field.type !== "choice"; write(); });
  const required = element("input", { type: "checkbox", checked: field.isRequired });
  required.addEventListener("change", () => { field.isRequired = required.checked; write(); });
  return element("li", {}, name, type, element("label", {}, required, t("required")),
    iconButton("close", t("removeField", { name: field.name }), remove), choices);
}
