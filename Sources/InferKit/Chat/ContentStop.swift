/// Looks for stop strings in a chat's content, and holds back what may become one.
///
/// Neither reasoning nor calls of tools are looked through, and a stop string does not reach across them.
struct ContentStop {
  private let conditions: StopConditions
  private var matcher: StopStringMatcher
  /// Stretches that have not been let through, with how many bytes each has.
  private var held: [(offset: Int, count: Int)] = []

  /// Looks for the stop strings of conditions.
  init(_ conditions: StopConditions) {
    self.conditions = conditions
    matcher = Self.matcher(conditions)
  }

  private static func matcher(_ conditions: StopConditions) -> StopStringMatcher {
    StopStringMatcher(conditions.stopStrings, includesStopString: conditions.includesStopString)
  }

  /// The offset of the first byte that is held back.
  var offset: Int? { held.first?.offset }

  /// The outcome of some content.
  struct Output {
    /// Text that is certain.
    var text = ""
    /// The places of its bytes.
    var places: [(offset: Int, count: Int)] = []
    /// The place of the byte that completed a stop string, if one did.
    var end: Int?
    /// The stop string that was completed.
    var stopString: String?
  }

  /// Takes content that stands at an offset. The first tokens, `minTokens` of them, can be no part of a stop string.
  mutating func append(_ text: String, at offset: Int, _ ledger: TokenLedger) -> Output {
    guard !conditions.stopStrings.isEmpty else {
      return Output(text: text, places: [(offset, text.utf8.count)])
    }
    var free = 0
    if ledger.number(at: offset) < conditions.minTokens {
      // Whole characters of them.
      let end = text.utf8.indices.first {
        ledger.number(at: offset + text.utf8.distance(from: text.startIndex, to: $0)) >= conditions.minTokens
      }
      let start = end.map { text.unicodeScalars.index(before: text.unicodeScalars.index(after: $0)) } ?? text.endIndex
      free = text.utf8.distance(from: text.startIndex, to: start)
    }
    let rest = String(decoding: text.utf8.dropFirst(free), as: UTF8.self)
    if !rest.isEmpty { held.append((offset + free, rest.utf8.count)) }
    let found = matcher.append(rest)
    var output = release(found.text, stopString: found.stopString)
    if free > 0 {
      output.text = String(decoding: text.utf8.prefix(free), as: UTF8.self) + output.text
      output.places.insert((offset, free), at: 0)
    }
    return output
  }

  /// Lets through what is held back: no more content follows it directly.
  mutating func finish() -> Output {
    let output = release(matcher.finish(), stopString: nil)
    matcher = Self.matcher(conditions)
    return output
  }

  private mutating func release(_ text: String, stopString: String?) -> Output {
    var end: Int?
    if let stop = stopString {
      let count = text.utf8.count + (conditions.includesStopString ? 0 : stop.utf8.count)
      end = place(of: count - 1)
    }
    return Output(text: text, places: take(text.utf8.count), end: end, stopString: stopString)
  }

  /// The offset of a byte that is held.
  private func place(of index: Int) -> Int? {
    var index = index
    for (offset, count) in held {
      if index < count { return offset + index }
      index -= count
    }
    return nil
  }

  private mutating func take(_ count: Int) -> [(offset: Int, count: Int)] {
    var places: [(offset: Int, count: Int)] = []
    var missing = count
    while missing > 0, let first = held.first {
      let part = min(missing, first.count)
      places.append((first.offset, part))
      missing -= part
      if part == first.count {
        held.removeFirst()
      } else {
        held[0] = (first.offset + part, first.count - part)
      }
    }
    return places
  }
}
