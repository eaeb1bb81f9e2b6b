import HTTPTypes

/// The keys that a request presents: in `Authorization: Bearer`, as OpenAI's clients do, in `x-api-key`, as Anthropic's, or
/// in `api-key`, as Azure's.
enum Credentials {
  private static let names: [HTTPField.Name] = [.knownName("x-api-key"), .knownName("api-key")]

  /// Keys of a request that are looked at: each is compared with all that there are.
  private static let limit = 8

  /// All of them, up to ``limit``; a proxy may have added one of its own.
  static func keys(in headers: HTTPFields) -> [String] {
    let bearers = headers[values: .authorization].compactMap(bearer)
    return Array((bearers + names.flatMap { headers[values: $0] }).filter { !$0.isEmpty }.prefix(limit))
  }

  /// The token of a field `Authorization`; `nil` for another scheme.
  private static func bearer(_ field: String) -> String? {
    let parts = field.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return parts[1].trimmingPrefix { $0 == " " }.description
  }
}
