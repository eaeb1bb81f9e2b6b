/// How SentencePiece prepares a text: characters replaced by a table, spaces trimmed and written as `▁`, and one of
/// them put first, so that a word is the same token wherever it stands.
struct SentencePieceNormalizer: Sendable {
  /// The character that stands for a space.
  static let mark = Array("▁".utf8)

  var map: CharacterMap?
  /// Puts a space before the text.
  var addsPrefix = true
  /// Puts it also before what follows an added token.
  var addsPrefixEverywhere = true
  /// Drops spaces at both ends, unless the text goes on with another, and all but one elsewhere.
  var trimsSpaces = false

  /// - Complexity: O(n) in the length of the text.
  func apply(to text: [UInt8], at start: TextStart) -> [UInt8] {
    guard !text.isEmpty else { return [] }
    var output: [UInt8] = []
    output.reserveCapacity(text.count + text.count / 4)
    if addsPrefix, start == .beginning || (addsPrefixEverywhere && start == .behindToken) { output += Self.mark }
    let trimsEnds = trimsSpaces && start != .within
    var followsSpace = trimsEnds
    func write(_ bytes: ArraySlice<UInt8>) {
      for byte in bytes {
        guard byte == UInt8(ascii: " ") else {
          output.append(byte)
          followsSpace = false
          continue
        }
        if followsSpace { continue }
        output += Self.mark
        followsSpace = trimsSpaces
      }
    }
    var position = 0
    while position < text.count {
      if let (length, replacement) = map?.longestMatch(text[position...]) {
        write(replacement)
        position += length
      } else {
        let end = min(text.count, position + UTF8.length(startingWith: text[position]))
        write(text[position..<end])
        position = end
      }
    }
    if trimsEnds {
      while output.suffix(Self.mark.count).elementsEqual(Self.mark) { output.removeLast(Self.mark.count) }
    }
    return output
  }
}
