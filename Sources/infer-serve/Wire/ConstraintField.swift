import InferText

/// The language that an answer must be in, as a request asks for it: in OpenAI's, vLLM's, llama-server's, SGLang's, Ollama's
/// or Anthropic's words.
struct ConstraintField: Equatable {
  let language: Constraint.Language
  /// The path of the field, which complaints about the language name.
  let field: String

  /// Any JSON object.
  static let anyObject: JSONValue = ["type": "object"]

  /// Reads what a request asks for; `nil` where that is nothing.
  ///
  /// - Parameters:
  ///   - reader: The request.
  ///   - formats: Fields that have `{"type": "json_schema", …}`.
  ///   - parent: A field that has it as its `format`.
  /// - Throws: Where a field cannot be read, or two of them ask for something.
  init?(
    _ reader: FieldReader, formats: [String] = ["response_format"], formatOf parent: String? = nil
  ) throws(APIError) {
    var found: [ConstraintField] = []
    for key in formats {
      if let field = try Self.format(reader, key) { found.append(field) }
    }
    if let parent, let object = try reader.object(parent), let field = try Self.format(object, "format") {
      found.append(field)
    }
    for key in ["guided_json", "json_schema"] {
      if let field = try Self.schema(reader, key) { found.append(field) }
    }
    if let field = try Self.ollama(reader) { found.append(field) }
    for key in ["guided_regex", "regex"] {
      if let field = try Self.regex(reader, key) { found.append(field) }
    }
    if let field = try Self.choice(reader, "guided_choice") { found.append(field) }
    for (key, syntax) in [("guided_grammar", nil), ("grammar", .gbnf), ("ebnf", .gbnf)] as [(String, GrammarSyntax?)] {
      if let field = try Self.grammar(reader, key, syntax) { found.append(field) }
    }
    found += try Self.structuredOutputs(reader)
    guard let first = found.first else { return nil }
    if found.count > 1 {
      let names = found.map { "'\($0.field)'" }.joined(separator: " and ")
      throw .invalid(found[1].field, "\(names) both say what the answer must be; one may.", code: "invalid_value")
    }
    self = first
  }

  init(language: Constraint.Language, field: String) {
    self.language = language
    self.field = field
  }

  /// `{"type": "json_schema", …}` as OpenAI, its Responses and Anthropic have it.
  private static func format(_ reader: FieldReader, _ key: String) throws(APIError) -> ConstraintField? {
    guard let format = try reader.object(key) else { return nil }
    switch try format.required(string: "type") {
    case "text": return nil
    case "json_object":
      // llama-server takes a schema here as well.
      return try schema(format, "schema") ?? ConstraintField(language: .schema(anyObject), field: reader.name(key))
    case "json_schema":
      if let inner = try format.object("json_schema") {
        _ = try inner.bool("strict")
        guard let field = try schema(inner, "schema") else { throw inner.missing("schema") }
        return field
      }
      _ = try format.bool("strict")
      guard let field = try schema(format, "schema") else {
        throw format.missing(key == "response_format" ? "json_schema" : "schema")
      }
      return field
    case let type:
      throw format.wrongValue("type", "must be 'text', 'json_object' or 'json_schema', not '\(type)'")
    }
  }

  /// Ollama's `format`: `json`, or a schema.
  private static func ollama(_ reader: FieldReader) throws(APIError) -> ConstraintField? {
    if reader["format"] == "json" { return ConstraintField(language: .schema(anyObject), field: reader.name("format")) }
    if let text = reader["format"]?.string, !text.isEmpty {
      throw reader.wrongValue("format", "must be 'json' or a schema, not '\(text)'")
    }
    return try schema(reader, "format")
  }

  /// A schema, or the text of one.
  static func schema(_ reader: FieldReader, _ key: String) throws(APIError) -> ConstraintField? {
    guard var value = reader[key] else { return nil }
    if let text = value.string {
      if text.isEmpty { return nil }
      do { value = try JSONValue(parsing: text) } catch {
        throw reader.wrongValue(key, "is a text that is not JSON: \(error)")
      }
    }
    guard value.object != nil || value.bool != nil else {
      throw reader.wrongType(key, value, expected: "a schema, which is an object")
    }
    return ConstraintField(language: .schema(value), field: reader.name(key))
  }

  static func regex(_ reader: FieldReader, _ key: String) throws(APIError) -> ConstraintField? {
    guard let text = try reader.string(key), !text.isEmpty else { return nil }
    return ConstraintField(language: .regex(text), field: reader.name(key))
  }

  static func grammar(
    _ reader: FieldReader, _ key: String, _ syntax: GrammarSyntax? = nil
  ) throws(APIError) -> ConstraintField? {
    guard let text = try reader.string(key), !text.isEmpty else { return nil }
    return ConstraintField(language: .grammar(text, syntax), field: reader.name(key))
  }

  static func choice(_ reader: FieldReader, _ key: String) throws(APIError) -> ConstraintField? {
    guard let values = try reader.array(key) else { return nil }
    var texts: [String] = []
    for (index, value) in values.enumerated() {
      guard let text = value.string else { throw reader.wrongType(key, at: index, value, expected: "a string") }
      texts.append(text)
    }
    guard !texts.isEmpty else { throw reader.wrongValue(key, "must not be empty") }
    return ConstraintField(language: .choice(texts), field: reader.name(key))
  }
}
