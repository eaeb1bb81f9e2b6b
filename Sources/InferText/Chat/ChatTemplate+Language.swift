extension ChatTemplate {
  /// The name under which a template is told of the form that an answer must have.
  private static let formatName = "response_format"

  /// Variables that tell a template which language the answer is held to as well, if that is of a schema: `response_format`,
  /// as requests of OpenAI's have it. Variables that have it already stay as they are.
  package static func variables(_ given: JSONObject, for language: Constraint.Language?) -> JSONObject {
    guard case .schema(let schema, _)? = language, given[formatName] == nil else { return given }
    var variables = given
    variables[formatName] =
      schema == ["type": "object"]
      ? ["type": "json_object"] : ["type": "json_schema", "json_schema": ["name": "answer", "schema": schema]]
    return variables
  }
}
