import InferText

/// The description of one method of an endpoint, from which ``OpenAPI`` writes its document.
struct Operation: Sendable {
  /// A parameter beside the body.
  struct Parameter: Sendable {
    /// The place of a parameter.
    enum Place: String { case path, query, header }

    var name: String
    var place: Place
    var shape: JSONShape
    var isRequired = false
  }

  /// The body of an answer.
  enum Content: Sendable {
    case json(JSONShape)
    case text(mediaType: String)
  }

  /// The name that programs call it by; empty for one that is not described.
  var id: String
  var summary: String
  /// The API that it belongs to.
  var group: String
  var parameters: [Parameter] = []
  /// The fields of the body; `nil` for none.
  var fields: RequestFields?
  /// The fields of another form of the body.
  var otherFields: RequestFields?
  /// `true` when a request may go without a body.
  var isBodyOptional = false
  var answer: Content
  /// The framing of the answer where it can be streamed.
  var framing: StreamFraming?
  /// The status of answers that tell that the server is not ready.
  var unreadyShape: JSONShape?
  /// The key that it needs.
  var need = KeyNeed.scope(.inference)
  /// Statuses of refusals beside those that any request may meet.
  var statuses: [Int] = []
  /// The media type of a page that a client may prefer.
  var pageType: String?

  /// An operation that is there to be refused, or a part of a page, and not described.
  static let refused = Operation(id: "", summary: "", group: "", answer: .json(.any))

  /// All statuses of refusals.
  ///
  /// - Parameter needsKeys: `true` where the server has keys.
  func refusals(needsKeys: Bool = false) -> [Int] {
    let keyed = needsKeys && need != .none ? [401] + (need == .scope(.inference) ? [429] : []) : []
    return Set([400, 403, 408, 431, 500] + (fields == nil ? [] : Self.reading) + statuses + keyed).sorted()
  }

  /// This operation for those with another key.
  func needing(_ need: KeyNeed) -> Operation {
    var operation = self
    operation.need = need
    return operation
  }

  /// Statuses of requests whose body is read.
  private static let reading = [404, 413, 415, 503, 504]
  /// Statuses of requests that generate.
  static let generating = [429]

  /// An operation that reads a body and tells something that is computed from it.
  static func reading(
    _ id: String, _ summary: String, _ group: String, _ fields: RequestFields, _ shape: JSONShape,
    otherFields: RequestFields? = nil
  ) -> Operation {
    Operation(id: id, summary: summary, group: group, fields: fields, otherFields: otherFields, answer: .json(shape))
  }

  /// The header that limits a request's time.
  static let limit = Parameter(
    name: SchedulingFields.timeoutHeader, place: .header,
    shape: .described(RequestFields.commonShapes["timeout"]?.bare ?? .number, "As the field timeout."))

  /// An operation that generates.
  static func generating(
    _ id: String, _ summary: String, _ group: String, _ fields: RequestFields, _ shape: JSONShape,
    _ framing: StreamFraming
  ) -> Operation {
    return Operation(
      id: id, summary: summary, group: group, parameters: [limit], fields: fields, answer: .json(shape),
      framing: framing, statuses: generating)
  }

  /// An operation that tells something of the model.
  static func telling(
    _ id: String, _ summary: String, _ group: String, _ shape: JSONShape, statuses: [Int] = [],
    parameters: [Parameter] = []
  ) -> Operation {
    Operation(
      id: id, summary: summary, group: group, parameters: parameters, answer: .json(shape), statuses: [503] + statuses)
  }

  /// A part of the path.
  static func path(_ name: String, _ text: String) -> Parameter {
    Parameter(name: name, place: .path, shape: .described(.string, text), isRequired: true)
  }

  /// A part of the query.
  static func query(_ name: String, _ shape: JSONShape, _ text: String, isRequired: Bool = false) -> Parameter {
    Parameter(name: name, place: .query, shape: .described(shape, text), isRequired: isRequired)
  }
}
