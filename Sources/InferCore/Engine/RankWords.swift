// Messages between ranks, as numbers of 32 bits.

extension [Int32] {
  /// Appends a list behind its length.
  mutating func append(list: [Int32]) {
    append(Int32(list.count))
    self += list
  }

  /// Appends a text, a byte a word.
  mutating func append(text: String) { append(list: text.utf8.map(Int32.init)) }

  mutating func append(texts: [String]) {
    append(Int32(texts.count))
    for text in texts { append(text: text) }
  }
}

/// Reads numbers of 32 bits one after another.
struct WordReader {
  private let words: [Int32]
  private var position = 0
  private let isWhole: Bool
  private let rank: Int

  init(_ bytes: [UInt8], from rank: Int = 0) {
    self.rank = rank
    isWhole = bytes.count % 4 == 0
    words = [Int32](littleEndianBytes: bytes[...])
  }

  var isAtEnd: Bool { position == words.count }

  func malformed(_ reason: String) -> RankError { .malformed(rank: rank, reason: "\(reason), at word \(position)") }

  mutating func next() throws(RankError) -> Int32 {
    guard position < words.count else { throw malformed("a message that ends too early") }
    defer { position += 1 }
    return words[position]
  }

  /// A number of things, each of which takes a word at least.
  mutating func count() throws(RankError) -> Int {
    let count = Int(try next())
    guard 0...words.count - position ~= count else { throw malformed("\(count) of something") }
    return count
  }

  mutating func list() throws(RankError) -> [Int32] {
    let count = try count()
    defer { position += count }
    return Array(words[position..<position + count])
  }

  /// A text, a byte a word.
  mutating func text() throws(RankError) -> String {
    String(decoding: try list().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  mutating func texts() throws(RankError) -> [String] {
    var texts: [String] = []
    for _ in 0..<(try count()) { texts.append(try text()) }
    return texts
  }

  mutating func range(within bounds: Range<Int>) throws(RankError) -> Range<Int> {
    let (first, end) = (Int(try next()), Int(try next()))
    guard first == end || bounds.lowerBound <= first && first <= end && end <= bounds.upperBound else {
      throw malformed("\(first) ..< \(end) in \(bounds)")
    }
    return first..<end
  }

  func end() throws(RankError) {
    guard isWhole, position == words.count else { throw malformed("a message that goes on") }
  }
}
