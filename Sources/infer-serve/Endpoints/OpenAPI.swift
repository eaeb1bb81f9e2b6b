import HTTPTypes
import InferText

/// The document that describes the endpoints, as OpenAPI 3.1 has it: paths come from the routes, and fields from the tables
/// that decode them.
enum OpenAPI {
  /// The document of routes.
  ///
  /// - Parameter needsKeys: `true` where the server has keys.
  static func document(_ routes: [Route], needsKeys: Bool = false, under rootPath: RootPath = .none) -> JSONValue {
    var paths: JSONObject = [:]
    for route in routes {
      guard let first = route.paths.first, let item = item(route, path: first, needsKeys) else { continue }
      paths[first] = item
      // Other spellings of the path. What goes on behind `**` is a part of the parameter before it.
      for path in route.paths.dropFirst() where !path.hasSuffix("/**") {
        paths[path] = ["$ref": .string("#/paths/" + first.replacing("/", with: "~1"))]
      }
    }
    var components: JSONObject = ["schemas": .object(errors)]
    if needsKeys { components["securitySchemes"] = .object(securitySchemes) }
    var document: JSONObject = [
      "openapi": "3.1.0",
      "info": [
        "title": .string(Software.name), "version": .string(Software.version),
        "description": "Fields that no API has are ignored. A field that is null is as good as absent.",
      ],
      "paths": .object(paths), "components": .object(components),
    ]
    if rootPath != .none { document["servers"] = [["url": .string(rootPath.text)]] }
    return .object(document)
  }

  /// The ways to present a key.
  private static let securitySchemes: JSONObject = [
    "bearer": ["type": "http", "scheme": "bearer"], "key": ["type": "apiKey", "in": "header", "name": "x-api-key"],
  ]

  private static let errors: JSONObject = [
    "Error": ErrorForm.openAI.shape.schema, "AnthropicError": ErrorForm.anthropic.shape.schema,
    "OllamaError": ErrorForm.ollama.shape.schema,
  ]

  private static func reference(_ form: ErrorForm) -> JSONValue {
    let name =
      switch form {
      case .openAI: "Error"
      case .anthropic: "AnthropicError"
      case .ollama: "OllamaError"
      }
    return ["$ref": .string("#/components/schemas/\(name)")]
  }

  private static func item(_ route: Route, path: String, _ needsKeys: Bool) -> JSONValue? {
    var members: JSONObject = [:]
    for (method, operation) in route.operations where !operation.id.isEmpty {
      members[method.rawValue.lowercased()] = json(operation, ErrorForm(target: path), needsKeys)
    }
    return members.isEmpty ? nil : .object(members)
  }

  private static func json(_ operation: Operation, _ form: ErrorForm, _ needsKeys: Bool) -> JSONValue {
    var members: JSONObject = [
      "operationId": .string(operation.id), "summary": .string(operation.summary),
      "tags": [.string(operation.group)],
    ]
    if !operation.parameters.isEmpty { members["parameters"] = .array(operation.parameters.map(json)) }
    if let fields = operation.fields {
      let schema = operation.otherFields.map { ["anyOf": [fields.schema, $0.schema]] } ?? fields.schema
      members["requestBody"] = [
        "required": .bool(!operation.isBodyOptional), "content": ["application/json": ["schema": schema]],
      ]
    }
    members["responses"] = .object(responses(operation, form, needsKeys))
    if needsKeys, operation.need != .none {
      members["security"] = [["bearer": []], ["key": []]]
      members["x-scope"] = operation.need.scope.map { .string($0.rawValue) }
    }
    return .object(members)
  }

  private static func json(_ parameter: Operation.Parameter) -> JSONValue {
    [
      "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
      "required": .bool(parameter.isRequired), "schema": parameter.shape.schema,
    ]
  }

  private static func responses(
    _ operation: Operation, _ form: ErrorForm, _ needsKeys: Bool
  ) -> JSONObject {
    var content: JSONObject = [:]
    switch operation.answer {
    case .json(let shape): content["application/json"] = ["schema": shape.schema]
    case .text(let type): content[mediaType(type)] = ["schema": ["type": "string"]]
    }
    if let framing = operation.framing { content[mediaType(framing.contentType)] = ["schema": [:]] }
    if let type = operation.pageType { content[mediaType(type)] = ["schema": ["type": "string"]] }
    var responses: JSONObject = [
      "200": ["description": .string(operation.summary), "content": .object(content)]
    ]
    for status in operation.refusals(needsKeys: needsKeys) {
      let status = APIError(status: status, message: "", type: "").status(in: form)
      responses[String(status)] = response(status, reference(form))
    }
    if let shape = operation.unreadyShape { responses["503"] = response(503, shape.schema) }
    return responses
  }

  private static func response(_ status: Int, _ schema: JSONValue) -> JSONValue {
    let text = APIError.statuses.first { $0.key == status }?.value ?? ""
    return ["description": .string(text), "content": ["application/json": ["schema": schema]]]
  }

  /// A media type without its parameters.
  private static func mediaType(_ type: String) -> String { String(type.prefix { $0 != ";" }) }
}
