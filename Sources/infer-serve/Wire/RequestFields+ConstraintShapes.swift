import InferText

extension RequestFields {
  /// Fields for the language that an answer is in. One of them may ask for something.
  static let constraintShapes: KeyValuePairs<String, JSONShape> = [
    "response_format": .described(format, "The form of the answer: text, any JSON object, or JSON of a schema."),
    "output_format": .described(format, "The form of the answer, as Anthropic's API had it first."),
    "json_schema": .described(jsonSchema, "The schema of the answer, as llama-server has it."),
    "guided_json": .described(jsonSchema, "The schema of the answer, as vLLM had it first."),
    "format": .described(
      .either([.object([]), .boolean, .choice(["json", ""])]), "The schema of the answer, or 'json' for any object."),
    "regex": .described(.string, "The regular expression of the answer, as SGLang has it."),
    "guided_regex": .described(.string, "The regular expression of the answer, as vLLM had it first."),
    "guided_choice": .described(.array(.string, count: 1 ... .max), "The texts of which the answer is one."),
    "grammar": .described(.string, "The grammar of the answer in GBNF, as llama-server has it."),
    "ebnf": .described(.string, "The grammar of the answer in GBNF, as SGLang has it."),
    "guided_grammar": .described(
      .string, "The grammar of the answer in GBNF or Lark's language, as vLLM had it first."),
    "structured_outputs": .described(
      .object([
        "json?": jsonSchema.orNull, "regex?": .string.orNull, "choice?": .array(.string, count: 1 ... .max).orNull,
        "json_object?": .boolean.orNull, "grammar?": .string.orNull, "structural_tag?": .values(["", .null]),
        "disable_any_whitespace?": .boolean.orNull, "disable_additional_properties?": .boolean.orNull,
        "disable_fallback?": .boolean.orNull, "whitespace_pattern?": .values(["", .null]),
      ]), "The language of the answer, as vLLM has it."),
  ]

  private static let format: JSONShape = .object(["type": .choice(["text", "json_object", "json_schema"])])

  /// A schema, or the text of one.
  private static let jsonSchema: JSONShape = .either([.object([]), .boolean, .string])
}
