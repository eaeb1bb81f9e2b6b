import HTTPTypes
import InferCore

/// The fields that say whose request it is, when it runs, and whom it may share state with.
struct SchedulingFields {
  /// The requests that this one may share state with: those of the same `cache_salt` (vLLM's field), and nobody with
  /// `cache_prompt: false` (llama-server's).
  let cacheScope: CacheScope?
  /// `priority` as in vLLM: lower numbers go first.
  let priority: Int
  /// The client, which OpenAI's `safety_identifier` or the older `user` names.
  let client: String?
  /// The time from the request's head to the end of its response, `timeout` in seconds.
  let timeLimit: Duration?

  /// The longest `cache_salt`, `user` or `safety_identifier`, in bytes.
  static let maximumBytes = 256
  /// The lowest urgency.
  static let maximumPriority = 1_000_000
  /// The longest `timeout`, a week.
  static let maximumSeconds = 604_800.0

  init(_ reader: FieldReader) throws(APIError) {
    let salt = try Self.text(reader, "cache_salt").map { Array($0.utf8) } ?? []
    cacheScope = try reader.bool("cache_prompt") ?? true ? CacheScope(salt: salt) : nil
    priority = try reader.integer("priority") ?? 0
    let identifier = try Self.text(reader, "safety_identifier")
    let user = try Self.text(reader, "user")
    client = identifier ?? user
    timeLimit = try reader.number("timeout").map { .seconds($0) }
  }

  private static func text(_ reader: FieldReader, _ key: String) throws(APIError) -> String? {
    guard let text = try reader.string(key) else { return nil }
    try check(text, reader.name(key))
    return text
  }

  /// Refuses a text that is too long.
  static func check(_ text: String, _ field: String) throws(APIError) {
    guard text.utf8.count > maximumBytes else { return }
    throw .invalid(
      field, "\(field) must have at most \(maximumBytes) bytes of UTF-8, not \(text.utf8.count).",
      code: "invalid_value")
  }

  private static let expectedTime = "above 0 and at most \(Int(maximumSeconds)) seconds"

  private static func timeLimit(_ seconds: Double) -> Duration? {
    seconds > 0 && seconds <= maximumSeconds ? .seconds(seconds) : nil
  }

  /// The header that limits a request's time, in seconds, as the field `timeout` does.
  static let timeoutHeader = "X-Request-Timeout"

  /// The time that a request's header allows it; `nil` without one.
  static func timeLimit(of headers: HTTPFields) throws(APIError) -> Duration? {
    guard let name = HTTPField.Name(timeoutHeader), let text = headers[name] else { return nil }
    guard let limit = Double(text).flatMap(timeLimit) else {
      throw .invalid(
        timeoutHeader, "\(timeoutHeader) must be \(expectedTime), not '\(text.prefix(100))'.",
        code: "invalid_value")
    }
    return limit
  }
}
