/// Watches generated text for stop strings and holds back what may become one.
///
/// The first stop string to be completed counts, the longest if several end together, wherever the text was cut into pieces.
/// Strings are compared by their scalars: composed and decomposed forms differ.
public struct StopStringMatcher: Sendable {
  /// What came of a piece of text.
  public struct Output: Sendable, Equatable {
    /// Text that is certain by now: no part of it can belong to a stop string (but for the included one).
    public var text: String
    /// The stop string that was found. The text is complete; whatever follows is dropped.
    public var stopString: String?
  }

  private var needles: [Needle]
  private let includesStopString: Bool
  private var pending: [UInt8] = []
  private var stopString: String?

  /// - Parameters:
  ///   - stopStrings: Empty strings are ignored.
  ///   - includesStopString: Whether the stop string itself is part of the text.
  public init(_ stopStrings: [String], includesStopString: Bool = false) {
    needles = stopStrings.filter { !$0.isEmpty }.map(Needle.init)
    self.includesStopString = includesStopString
  }

  /// Takes the next piece of generated text.
  /// - Complexity: O(length of the piece · number of stop strings).
  public mutating func append(_ text: String) -> Output {
    guard stopString == nil else { return Output(text: "", stopString: stopString) }
    for byte in text.utf8 {
      pending.append(byte)
      var found: Needle?
      for index in needles.indices where needles[index].advance(by: byte) {
        if needles[index].bytes.count > found?.bytes.count ?? 0 { found = needles[index] }
      }
      if let found {
        stopString = found.string
        return Output(text: take(pending.count - (includesStopString ? 0 : found.bytes.count)), stopString: stopString)
      }
    }
    return Output(text: take(pending.count - (needles.map(\.matched).max() ?? 0)), stopString: nil)
  }

  /// Ends the text without a stop string: returns what was held back.
  public mutating func finish() -> String { stopString == nil ? take(pending.count) : "" }

  private mutating func take(_ count: Int) -> String {
    defer { pending.removeFirst(count) }
    return String(decoding: pending[..<count], as: UTF8.self)
  }
}

/// One stop string as a Knuth–Morris–Pratt automaton.
private struct Needle: Sendable {
  let string: String
  let bytes: [UInt8]
  /// For each length of a match, the length of the longest shorter one that also ends there.
  private var fallback: [Int] = [0]
  /// How many bytes of the string the text ends with.
  private(set) var matched = 0

  init(_ string: String) {
    self.string = string
    bytes = Array(string.utf8)
    for byte in bytes.dropFirst() {
      var length = fallback[fallback.count - 1]
      while length > 0, bytes[length] != byte { length = fallback[length - 1] }
      fallback.append(bytes[length] == byte ? length + 1 : 0)
    }
  }

  /// Takes the next byte of the text; true when it completes the string.
  mutating func advance(by byte: UInt8) -> Bool {
    while matched > 0, bytes[matched] != byte { matched = fallback[matched - 1] }
    if bytes[matched] == byte { matched += 1 }
    guard matched == bytes.count else { return false }
    matched = fallback[matched - 1]
    return true
  }
}
