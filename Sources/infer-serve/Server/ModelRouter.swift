import InferText

/// A name behind which a fast and a slow model stand, or one model that answers at once or after thinking: the request
/// decides which one answers.
///
/// A switch for thinking counts first, then an effort, then tools and length.
struct ModelRouter: Sendable, Equatable {
  /// The two that a request may be for.
  enum Route: String, Sendable { case fast, slow }

  /// The name that requests call it by.
  var name: String
  /// The names of the models.
  var fast: String
  var slow: String
  /// The least effort that the slow one is for.
  var slowFrom = Effort.medium
  /// The slow one is for requests with at least so many bytes of text; `nil` for any number.
  var slowAbove: Int?
  /// The slow one is for requests with tools.
  var slowWithTools = false

  /// Efforts of reasoning, the least first.
  enum Effort: String, CaseIterable, Sendable, Comparable {
    case none, minimal, low, medium, high, xhigh

    static func < (a: Effort, b: Effort) -> Bool { a.rank < b.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The model of a route.
  subscript(_ route: Route) -> String { route == .fast ? fast : slow }

  /// The route of a request. What is wrong in it is left to whoever decodes it.
  ///
  /// - Complexity: O(body).
  func route(_ request: FieldReader) -> Route {
    if let thinks = Self.isThinking(request) { return thinks ? .slow : .fast }
    if let effort = Self.effort(request) { return effort >= slowFrom ? .slow : .fast }
    if slowWithTools, request["tools"]?.array?.isEmpty == false { return .slow }
    if let slowAbove {
      let texts = ["messages", "prompt", "input", "system", "instructions"].compactMap { request[$0] }
      if texts.reduce(0, { $0 + Self.textBytes($1) }) >= slowAbove { return .slow }
    }
    return .fast
  }

  /// Has a request of one model in two modes think or not, unless it says so itself.
  func setMode(_ route: Route, of request: inout FieldReader) {
    guard fast.isExactly(slow), Self.isThinking(request) == nil else { return }
    request.alias("enable_thinking", path: "enable_thinking", .bool(route == .slow))
  }

  private static func isThinking(_ request: FieldReader) -> Bool? {
    if let isOn = request["enable_thinking"]?.bool ?? request["think"]?.bool ?? request["reasoning"]?["enabled"]?.bool {
      return isOn
    }
    guard let thinking = request["thinking"] else { return nil }
    return thinking.bool
      ?? thinking["type"]?.string.flatMap { $0 == "enabled" ? true : $0 == "disabled" ? false : nil }
  }

  private static func effort(_ request: FieldReader) -> Effort? {
    let names = [request["reasoning_effort"], request["reasoning"]?["effort"], request["think"]]
    return names.lazy.compactMap { $0?.string.flatMap { Effort(rawValue: $0) } }.first
  }

  /// The bytes of all strings in a value, but for the names of members.
  private static func textBytes(_ value: JSONValue) -> Int {
    if let text = value.string { return text.utf8.count }
    if let elements = value.array { return elements.reduce(0) { $0 + textBytes($1) } }
    return value.keys.reduce(0) { $0 + textBytes(value[$1] ?? .null) }
  }
}
