/// A token that is found in the text before anything else happens to it.
struct AddedToken: Sendable {
  let id: Int32
  let content: String
  /// Marks structure (begin of text, role, …) rather than content.
  var isSpecial = false
  /// Looked for in the normalised text instead of the raw text.
  var isNormalized = false
  /// Not within a word.
  var isSingleWord = false
  /// Takes the white space before it along.
  var stripsLeft = false
  /// Takes the white space after it along.
  var stripsRight = false
}

extension AddedToken {
  /// Reads an element of `added_tokens` in a `tokenizer.json`.
  init(_ field: TokenizerField) throws(TokenizerError) {
    try self.init(field, id: try field.require("id").tokenID())
  }

  /// Reads a member of `added_tokens_decoder` in a `tokenizer_config.json`, which stands under its id.
  init(_ field: TokenizerField, id: Int32) throws(TokenizerError) {
    let content = try field.require("content")
    self.init(id: id, content: try content.string())
    guard self.content.utf8.count <= 1024 else { throw content.invalid("an added token of more than 1024 bytes") }
    isSpecial = try field.flag("special", default: false)
    isNormalized = try field.flag("normalized", default: !isSpecial)
    isSingleWord = try field.flag("single_word", default: false)
    stripsLeft = try field.flag("lstrip", default: false)
    stripsRight = try field.flag("rstrip", default: false)
  }
}

/// Finds added tokens in a text: leftmost first, the longest of those that start there.
struct AddedTokenMatcher: Sendable {
  enum Segment {
    case text(Range<Int>)
    case token(Int32)
  }

  private var trie = ByteTrie()
  private var tokens: [AddedToken] = []
  /// Whether any token starts with this byte, so that most positions cost one lookup.
  private var isStart = [Bool](repeating: false, count: 256)

  /// Adds a token under the spelling by which it is looked for.
  mutating func add(_ token: AddedToken, spelling: [UInt8]) {
    guard let first = spelling.first else { return }
    isStart[Int(first)] = true
    trie.insert(spelling, value: Int32(tokens.count))
    tokens.append(token)
    if token.isSpecial { hasSpecialTokens = true }
  }

  /// Whether any special token is among those looked for.
  private(set) var hasSpecialTokens = false

  /// Cuts `text` into tokens and what lies between them, in order. Special tokens are found in some places only.
  /// - Complexity: O(n · longest token).
  func segments(of text: [UInt8], findingSpecialTokens places: SpecialTokenPlaces) -> [Segment] {
    guard !tokens.isEmpty else { return text.isEmpty ? [] : [.text(0..<text.count)] }
    var segments: [Segment] = []
    var position = 0
    var end = 0
    while position < text.count {
      guard isStart[Int(text[position])], let found = longestMatch(in: text, at: position, places) else {
        position += 1
        continue
      }
      let token = tokens[found.index]
      let match = position..<position + found.length
      position = match.upperBound
      // All that such a name spells is text, also what is the name of another token.
      if token.isSpecial && !places.take(match) { continue }
      if token.isSingleWord && WordBoundary.isInsideWord(match, in: text) { continue }
      let start =
        token.stripsLeft ? WordBoundary.startOfSpace(before: match.lowerBound, in: text, from: end) : match.lowerBound
      if token.stripsRight { position = WordBoundary.endOfSpace(after: match.upperBound, in: text) }
      if end < start { segments.append(.text(end..<start)) }
      segments.append(.token(token.id))
      end = position
    }
    if end < text.count { segments.append(.text(end..<text.count)) }
    return segments
  }

  /// The longest token that starts at a place. One that only partly stands where special tokens are found gives way to
  /// shorter ones.
  private func longestMatch(
    in text: [UInt8], at start: Int, _ places: SpecialTokenPlaces
  ) -> (index: Int, length: Int)? {
    var best: (Int, Int)?
    var node = ByteTrie.root
    var position = start
    while position < text.count, let child = trie.child(of: node, text[position]) {
      node = child
      position += 1
      guard let index = trie.value(at: node) else { continue }
      if tokens[Int(index)].isSpecial, places.cut(start..<position) { continue }
      best = (Int(index), position - start)
    }
    return best
  }
}

/// The surroundings of a match, by Unicode's properties.
private enum WordBoundary {
  static func isInsideWord(_ match: Range<Int>, in text: [UInt8]) -> Bool {
    scalar(before: match.lowerBound, in: text).map(isWord) ?? false
      || scalar(after: match.upperBound, in: text).map(isWord) ?? false
  }

  /// Never goes back behind `limit`: text that all tokens look back over would take quadratic time.
  static func startOfSpace(before end: Int, in text: [UInt8], from limit: Int) -> Int {
    var start = end
    while start > limit, let scalar = scalar(before: start, in: text), scalar.properties.isWhitespace {
      start -= UTF8.width(scalar)
    }
    return max(start, limit)
  }

  static func endOfSpace(after start: Int, in text: [UInt8]) -> Int {
    var end = start
    while let scalar = scalar(after: end, in: text), scalar.properties.isWhitespace { end += UTF8.width(scalar) }
    return end
  }

  private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: true
    default: scalar.properties.isAlphabetic
    }
  }

  private static func scalar(before end: Int, in text: [UInt8]) -> Unicode.Scalar? {
    var start = end - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start < 0 ? nil : String(decoding: text[start..<end], as: UTF8.self).unicodeScalars.first
  }

  private static func scalar(after start: Int, in text: [UInt8]) -> Unicode.Scalar? {
    guard start < text.count else { return nil }
    var end = start + 1
    while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
    return String(decoding: text[start..<end], as: UTF8.self).unicodeScalars.first
  }
}
