// Names and texts that the forms of calls have no place for.
extension OutputFormat {
  /// A machine of the objects of a schema that can be written as arguments in the model's calls.
  ///
  /// - Throws: ``SchemaError`` for a schema that cannot be held, and where all that is valid against it needs a name, or a text
  ///   in it a tag, that would be read as something else.
  func arguments(_ schema: JSONValue) throws(SchemaError) -> JSONMachine {
    guard let limits = writable, var members = schema.object else { return try JSONMachine(schema) }
    members["allOf"] = .array((members["allOf"]?.array ?? []) + limits)
    do { return try JSONMachine(.object(members)) } catch {
      _ = try JSONMachine(schema)
      throw SchemaError(
        path: "", reason: "all that is valid needs a name or a text that cannot be told apart in the model's calls")
    }
  }

  /// Schemas of the objects that can be written as arguments; `nil` where all can.
  private var writable: [JSONValue]? {
    if toolCalls == .lfm2 { return [["propertyNames": ["pattern": "^[A-Za-z_][A-Za-z0-9_]*$"]]] }
    return toolCalls?.tags(suffix: tagSuffix).map(Self.writable)
  }

  /// Names are read without the white space around them, and a text ends at the first of its tags.
  private static func writable(_ tags: CallTags) -> [JSONValue] {
    let other = tags.keyEnd == ">" ? "<>" : "<"
    let names = #"^[^\s\x00-\x1f\x85\#(other)]([^\x00-\x1f\x85\u2028\u2029\#(other)]*[^\s\x00-\x1f\x85\#(other)])?$"#
    let text: JSONValue = ["type": "string", "pattern": .string(tags.valueEnd.replacing("/", with: #"\/"#))]
    // Denied twice, so that no member counts as evaluated by it, which the schema's `unevaluatedProperties` may ask.
    return [
      ["propertyNames": ["pattern": .string(names)]], ["not": ["not": ["additionalProperties": ["not": text]]]],
    ]
  }
}
