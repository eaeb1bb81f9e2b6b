import InferText

// vLLM's `structured_outputs`: one of several languages, and how JSON is written.
extension ConstraintField {
  private static let languages = ["json", "regex", "choice", "grammar", "json_object"]
  private static let options = [
    "disable_any_whitespace", "disable_additional_properties", "disable_fallback", "whitespace_pattern",
    "structural_tag",
  ]

  /// The languages that the field asks for.
  ///
  /// - Throws: For members that nobody knows, and for what cannot be held: an answer that is not as they say would be wrong.
  static func structuredOutputs(_ reader: FieldReader) throws(APIError) -> [ConstraintField] {
    guard let outputs = try reader.object("structured_outputs") else { return [] }
    for name in outputs.names where outputs[name] != nil && !(languages + options).containsExactly(name) {
      throw outputs.wrongValue(
        name, "is unknown; there are \(FieldReader.alternatives(languages + options))")
    }
    if let tag = outputs["structural_tag"], tag != "" {
      let name = outputs.name("structural_tag")
      throw .unsupported(name, "Constrained output by structural tags is not supported (field '\(name)').")
    }
    if let pattern = outputs["whitespace_pattern"], pattern != "" {
      let name = outputs.name("whitespace_pattern")
      throw .unsupported(name, "A pattern for the white space of JSON is not supported (field '\(name)').")
    }
    // There is nothing to fall back to.
    _ = try outputs.bool("disable_fallback")
    var found = [
      try schema(outputs, "json"), try regex(outputs, "regex"), try choice(outputs, "choice"),
      try grammar(outputs, "grammar"),
    ].compactMap(\.self)
    if try outputs.bool("json_object") ?? false {
      found.append(ConstraintField(language: .schema(anyObject), field: outputs.name("json_object")))
    }
    for option in ["disable_any_whitespace", "disable_additional_properties"] where try outputs.bool(option) ?? false {
      guard let field = found.first, case .schema(let schema, let whiteSpace) = field.language else {
        throw outputs.wrongValue(
          option, "is about JSON, which nothing in \(reader.name("structured_outputs")) asks for")
      }
      let isAboutSpace = option == "disable_any_whitespace"
      let language = Constraint.Language.schema(
        isAboutSpace ? schema : schema.withClosedObjects, isAboutSpace ? .nowhere : whiteSpace)
      found[0] = ConstraintField(language: language, field: field.field)
    }
    return found
  }
}
