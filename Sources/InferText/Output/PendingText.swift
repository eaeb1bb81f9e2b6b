/// Text that is read from the front while more is added at the end.
///
/// A reader asks for as much as it needs to decide; what cannot be decided yet waits for the next piece. What was read
/// since the last ``mark()`` can be had back, for the case that it turns out not to be what it seemed.
struct PendingText: Sendable {
  /// Whether the text goes on with a string.
  enum Match { case found, possible, absent }

  private var bytes: [UInt8] = []
  private var position = 0
  /// Bytes that were there before those of `bytes`.
  private var dropped = 0
  private var marked = 0
  /// Up to where white space is known to go on from `position`, when that is further.
  private var spaceEnd = 0
  /// No more text will come: nothing is merely possible any longer.
  var isComplete = false

  var count: Int { bytes.count - position }
  var isEmpty: Bool { count == 0 }
  /// How many bytes were read of all that has come.
  var offset: Int { dropped + position }
  /// How many were read before the last mark.
  var markedOffset: Int { dropped + marked }
  var first: UInt8? { position < bytes.count ? bytes[position] : nil }

  /// The byte that many places ahead, which must be there.
  subscript(offset: Int) -> UInt8 { bytes[position + offset] }

  mutating func append(_ text: String) {
    // What was read goes when it is most of the buffer, so that a byte is moved a bounded number of times.
    if marked > bytes.count / 2 {
      bytes.removeFirst(marked)
      dropped += marked
      position -= marked
      spaceEnd = max(0, spaceEnd - marked)
      marked = 0
    }
    bytes += text.utf8
  }

  /// Whether the text at an offset is `literal`.
  func match(_ literal: [UInt8], at offset: Int = 0) -> Match {
    let rest = bytes[min(position + offset, bytes.count)...]
    if rest.starts(with: literal) { return .found }
    return !isComplete && literal.starts(with: rest) ? .possible : .absent
  }

  /// The first place where one of `literals` is, or may be when more text has come; the longest counts if several are
  /// there. Without one, the place behind the text.
  func search(_ literals: [[UInt8]]) -> (offset: Int, match: Match, literal: Int?) {
    for offset in 0..<count {
      var isPossible = false
      var found: Int?
      for (index, literal) in literals.enumerated() where literal.first == bytes[position + offset] {
        switch match(literal, at: offset) {
        case .found: if literal.count > found.map({ literals[$0].count }) ?? 0 { found = index }
        case .possible: isPossible = true
        case .absent: break
        }
      }
      if let found, !isPossible { return (offset, .found, found) }
      if isPossible { return (offset, .possible, nil) }
    }
    return (count, .absent, nil)
  }

  mutating func skip(_ count: Int) { position += count }

  mutating func skipSpace() { position += leadingSpace }

  /// Reads that many bytes.
  mutating func take(_ count: Int) -> String {
    defer { position += count }
    return String(decoding: bytes[position..<position + count], as: UTF8.self)
  }

  /// How many bytes of white space come next. None of them is looked at again when more text has come.
  var leadingSpace: Int {
    mutating get {
      spaceEnd = max(spaceEnd, position)
      while spaceEnd < bytes.count, bytes[spaceEnd].isJSONSpace { spaceEnd += 1 }
      return spaceEnd - position
    }
  }

  /// How many of the first `count` bytes are white space at their end.
  func spaceBefore(_ count: Int, limit: Int = .max) -> Int {
    bytes[position..<position + count].reversed().prefix(limit).prefix { $0.isJSONSpace }.count
  }

  /// From here on, what is read can be had back.
  mutating func mark() { marked = position }

  /// The text that was read since the last mark; moves the mark.
  mutating func takeMarked() -> String {
    defer { marked = position }
    return String(decoding: bytes[marked..<position], as: UTF8.self)
  }
}

extension UInt8 {
  /// Space, tab, line feed and carriage return.
  var isJSONSpace: Bool { self == 0x20 || self == 0x09 || self == 0x0A || self == 0x0D }
}
