import InferCore
import InferText

extension RequestFields {
  /// The fields of `POST /tokenize` with a text.
  static let tokenize = RequestFields(
    fields: all(.read, "model", "return_token_strs", "content", "add_special", "prompt", "add_special_tokens")
      + [("messages", .refused("A conversation beside a text is", unless: []))], options: [],
    shapes: [
      "return_token_strs": tokenStrings, "content": .described(.string, "The text, as llama-server has it."),
      "add_special": .described(.boolean, "Whether content gets the special tokens around a text."),
      "prompt": .described(.string, "The text, as vLLM has it."),
    ])

  /// The fields of `POST /tokenize` with a conversation.
  static let tokenizeChat = RequestFields(
    fields: chat.fields + all(.read, "return_token_strs"), shapes: ["return_token_strs": tokenStrings],
    required: ["messages"])

  private static let tokenStrings = JSONShape.described(.boolean, "Whether the tokens are told as strings too.")

  /// The fields of `POST /detokenize`.
  static let detokenize = RequestFields(
    fields: all(.read, "model", "tokens"), options: [],
    shapes: ["tokens": .described(.array(tokenID), "The tokens.")], required: ["tokens"])

  /// The fields of `POST /v1/messages/count_tokens`.
  static let messageCount = RequestFields(
    fields: messages.fields, options: messages.options, shapes: messages.shapes, required: ["messages"])

  /// The fields of Ollama's `POST /api/show`.
  static let show = RequestFields(
    fields: all(.read, "model", "name"), options: [],
    shapes: ["name": .described(.string, "The older name of model.")])

  /// The fields of requests that name a model and nothing else.
  static let namedModel = RequestFields(fields: all(.read, "model"), options: [], required: ["model"])

  /// The fields of requests about a session.
  static let session = RequestFields(fields: all(.read, "model", "cache_salt"), options: [])

  /// The fields of requests about a slot.
  static let slot = RequestFields(
    fields: all(.read, "model", "cache_salt", "filename"), options: [],
    shapes: ["filename": .described(.string, "The name of the saved state: \(SessionFields.rule).")])

  /// The JSON Schema of a body: the fields that are read, by all of their names, and the values that those have which are
  /// otherwise refused. A field that is `null` is as good as absent.
  var schema: JSONValue {
    var properties: JSONObject = [:]
    for field in fields { properties[field.name] = schema(of: field) }
    let schema: JSONValue = ["type": "object", "properties": .object(properties)]
    return required.isEmpty ? schema : schema.with("required", .array(required.map(JSONValue.string)))
  }

  private func schema(of field: Field) -> JSONValue? {
    switch field.use {
    case .read:
      let shape = shape(of: field.name) ?? .any
      return required.contains(field.name) ? shape.schema : shape.orNull.schema
    case .alias(let name):
      guard let target = fields.first(where: { $0.name == name }) else { return nil }
      if case .refused = target.use { return schema(of: target) }
      return JSONShape.described((shape(of: name) ?? .any).bare, "Another name of \(name).").orNull.schema
    case .refused(_, let idle):
      return JSONShape.described(.values(idle + [.null]), "Not supported, but for values that ask for nothing.").schema
    case .ignored: return nil
    }
  }
}
