/// One string to look for in a stream of bytes: a Knuth–Morris–Pratt automaton, linear in the text whatever is looked
/// for.
struct SubstringSearch: Sendable {
  let bytes: [UInt8]
  /// For each length of a match, the length of the longest shorter one that also ends there.
  private var fallback: [Int] = [0]
  /// How many bytes of the string the text ends with.
  private(set) var matched = 0

  /// `string` must not be empty.
  init(_ string: some Sequence<UInt8>) {
    bytes = Array(string)
    precondition(!bytes.isEmpty, "searching for an empty string")
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

  /// The places where the string starts in `text`, left to right and without overlap, at most `limit` of them.
  func positions(in text: some Sequence<UInt8>, limit: Int = .max) -> [Int] {
    var search = self
    search.matched = 0
    var positions: [Int] = []
    for (index, byte) in text.enumerated() {
      guard positions.count < limit else { break }
      if search.advance(by: byte) {
        positions.append(index + 1 - bytes.count)
        search.matched = 0
      }
    }
    return positions
  }
}
