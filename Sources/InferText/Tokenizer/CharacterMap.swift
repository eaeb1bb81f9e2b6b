/// A SentencePiece table of replacements (`precompiled_charsmap`): a trie of what is replaced, as a double array
/// (Aoe, "An Efficient Digital Search Algorithm by Using a Double-Array Structure", 1989, in the layout of Darts-clone),
/// and the replacements one after another, each ended by a zero byte.
struct CharacterMap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// Reads the size of the trie in bytes (four bytes, little-endian), the trie and the replacements. `path` names the
  /// place of the table in errors.
  init(_ bytes: [UInt8], at path: String) throws(TokenizerError) {
    func word(at offset: Int) -> UInt32 {
      (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) }
    }
    guard bytes.count >= 4 else { throw .invalid(path: path, reason: "a table of \(bytes.count) bytes") }
    let size = Int(word(at: 0))
    guard size % 4 == 0, size > 0, size <= bytes.count - 4 else {
      throw .invalid(path: path, reason: "a trie of \(size) bytes in a table of \(bytes.count)")
    }
    units = stride(from: 4, to: 4 + size, by: 4).map(word)
    replacements = Array(bytes[(4 + size)...])
  }

  /// The replacements of the beginnings of `text`, the shortest first: how long each beginning is, and its replacement.
  private func matches(_ text: some Sequence<UInt8>, _ visit: (Int, Range<Int>) -> Bool) {
    var node = Int(units[0].offset)
    var length = 0
    for byte in text {
      node ^= Int(byte)
      guard byte != 0, node < units.count, units[node].label == UInt32(byte) else { return }
      let unit = units[node]
      length += 1
      node ^= Int(unit.offset)
      guard unit.hasLeaf, node < units.count else { continue }
      if !visit(length, replacement(at: Int(units[node].value))) { return }
    }
  }

  private func replacement(at start: Int) -> Range<Int> {
    guard start < replacements.count else { return 0..<0 }
    return start..<(replacements[start...].firstIndex(of: 0) ?? replacements.count)
  }

  /// The longest beginning of `text` that the table replaces, and by what.
  func longestMatch(_ text: ArraySlice<UInt8>) -> (length: Int, replacement: ArraySlice<UInt8>)? {
    var best: (Int, ArraySlice<UInt8>)?
    matches(text) { length, range in
      best = (length, replacements[range])
      return true
    }
    return best
  }

  private func shortestMatch(_ text: some Sequence<UInt8>) -> ArraySlice<UInt8>? {
    var first: ArraySlice<UInt8>?
    matches(text) { _, range in
      first = replacements[range]
      return false
    }
    return first
  }

  /// Hugging Face's reading of the table: a short grapheme that starts with an entry is replaced whole, and any other
  /// character by character.
  func replacingGraphemes(of text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    for grapheme in String(decoding: text, as: UTF8.self) {
      if grapheme.utf8.count < 6, let replacement = shortestMatch(grapheme.utf8) {
        output += replacement
        continue
      }
      for scalar in grapheme.unicodeScalars {
        let bytes = UTF8.encode(scalar).map { Array($0) } ?? []
        output += shortestMatch(bytes) ?? bytes[...]
      }
    }
    return output
  }
}

/// One unit of a double array.
extension UInt32 {
  fileprivate var hasLeaf: Bool { self >> 8 & 1 == 1 }
  fileprivate var value: UInt32 { self & 0x7FFF_FFFF }
  fileprivate var label: UInt32 { self & 0x8000_00FF }
  fileprivate var offset: UInt32 { (self >> 10) << ((self & 0x200) >> 6) }
}
