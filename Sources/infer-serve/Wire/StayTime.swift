import InferText

/// How long a model stays in memory after a request, as Ollama's `keep_alive` says it: seconds, or a duration like `5m` or
/// `1h30m`; below 0 for ever, 0 for not at all.
enum StayTime: Sendable, Equatable {
  case forever
  case time(Duration)

  /// A longer time is for ever.
  private static let longest = 100 * 365 * 86_400.0

  /// The field of a request; `nil` where it has none.
  init?(_ reader: FieldReader) throws(APIError) {
    guard let value = reader["keep_alive"] else { return nil }
    let expected = "a number of seconds or a duration like \"5m\""
    guard let seconds = value.double ?? value.string.flatMap(Self.seconds) else {
      guard let text = value.string else { throw reader.wrongType("keep_alive", value, expected: expected) }
      throw reader.wrongValue("keep_alive", "must be \(expected), not '\(text.prefix(100))'")
    }
    self.init(seconds: seconds)
  }

  init(seconds: Double) { self = seconds >= 0 && seconds <= Self.longest ? .time(.seconds(seconds)) : .forever }

  private static let units: KeyValuePairs<String, Double> = [
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1, "m": 60, "h": 3600,
  ]

  /// The seconds of a duration as Go writes it, or of a number without a unit; `nil` for another text.
  static func seconds(_ text: String) -> Double? {
    let isNegative = text.hasPrefix("-")
    var rest = isNegative || text.hasPrefix("+") ? text.dropFirst() : text[...]
    guard !rest.isEmpty else { return nil }
    var sum = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      guard digits.utf8.count <= 30, digits.contains(where: { $0 != "." }), let number = Double("0\(digits)") else {
        return nil
      }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
      if name.isEmpty, sum == 0, rest.isEmpty { return isNegative ? -number : number }
      guard let unit = units.first(where: { $0.key.isExactly(String(name)) }) else { return nil }
      rest = rest.dropFirst(name.count)
      sum += number * unit.value
    }
    return isNegative ? -sum : sum
  }
}
