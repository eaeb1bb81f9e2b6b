/// Watches generated text for stop strings and holds back what may become one.
///
/// The first stop string to be completed counts, the longest if several end together, wherever the text was cut into
/// pieces. Strings are compared by their scalars: composed and decomposed forms differ.
package struct StopStringMatcher: Sendable {
  /// The outcome of a piece of text.
  package struct Output: Sendable, Equatable {
    /// Text that is certain by now: no part of it can belong to a stop string (but for the included one).
    package var text: String
    /// The stop string that was found. The text is complete; whatever follows is dropped.
    package var stopString: String?
  }

  private var searches: [SubstringSearch]
  private let includesStopString: Bool
  private var pending: [UInt8] = []
  private var stopString: String?

  /// - Parameters:
  ///   - stopStrings: Empty strings are ignored.
  ///   - includesStopString: Whether the stop string itself is part of the text.
  package init(_ stopStrings: [String], includesStopString: Bool = false) {
    searches = stopStrings.filter { !$0.isEmpty }.map { SubstringSearch($0.utf8) }
    self.includesStopString = includesStopString
  }

  /// Takes the next piece of generated text.
  /// - Complexity: O(length of the piece · number of stop strings).
  package mutating func append(_ text: String) -> Output {
    guard stopString == nil else { return Output(text: "", stopString: stopString) }
    for byte in text.utf8 {
      pending.append(byte)
      var found: [UInt8] = []
      for index in searches.indices where searches[index].advance(by: byte) {
        if searches[index].bytes.count > found.count { found = searches[index].bytes }
      }
      if !found.isEmpty {
        stopString = String(decoding: found, as: UTF8.self)
        return Output(text: take(pending.count - (includesStopString ? 0 : found.count)), stopString: stopString)
      }
    }
    return Output(text: take(pending.count - (searches.map(\.matched).max() ?? 0)), stopString: nil)
  }

  /// Ends the text without a stop string: returns what was held back.
  package mutating func finish() -> String { stopString == nil ? take(pending.count) : "" }

  private mutating func take(_ count: Int) -> String {
    defer { pending.removeFirst(count) }
    return String(decoding: pending[..<count], as: UTF8.self)
  }
}
