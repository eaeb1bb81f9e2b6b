/// How the tokens of a text become bytes again. Every supported step works on one token at a time,
/// but for white space removed from the start of the whole text.
struct TokenDecoder: Sendable {
  private enum Step: Sendable {
    case byteLevel
    case byteFallback
    case replace(String, with: String)
    case stripStart(Character, count: Int)
  }

  private var steps: [Step] = []
  private var isFused = false
  /// At most so many of these characters vanish from the start of the whole text.
  private(set) var leadingStrip: (character: UInt8, count: Int)?

  init(_ field: TokenizerField) throws(TokenizerError) { try add(field) }

  private mutating func add(_ field: TokenizerField) throws(TokenizerError) {
    switch try field.type() {
    case "Sequence": for step in try field.require("decoders").elements() { try add(step) }
    case "ByteLevel": steps.append(.byteLevel)
    case "ByteFallback": steps.append(.byteFallback)
    case "Fuse": isFused = true
    case "Replace":
      let content = try field.require("content").string()
      guard let pattern = try field.require("pattern")["String"] else { throw field.unsupported("a decoder's regex") }
      steps.append(.replace(try pattern.string(), with: content))
    case "Strip":
      let content = try field.require("content")
      let start = try field.require("start").count()
      guard try field.require("stop").count() == 0 else { throw field.unsupported("stripping at the end") }
      guard let byte = try content.string().utf8.first, try content.string().utf8.count == 1, byte < 0x80 else {
        throw content.unsupported("stripping anything but one ASCII character")
      }
      if isFused {
        leadingStrip = (byte, start)
      } else {
        steps.append(.stripStart(Character(Unicode.Scalar(byte)), count: start))
      }
    case let type: throw field.unsupported("the decoder \(type)")
    }
  }

  /// The bytes that a token stands for.
  func bytes(for token: String) -> [UInt8] {
    var text = token
    for step in steps {
      switch step {
      case .byteLevel: return ByteAlphabet.bytes(spelledBy: text) ?? Array(text.utf8)
      case .byteFallback: if let byte = ByteFallback.byte(of: text) { return [byte] }
      case .replace(let pattern, let content):
        text = text.split(separator: pattern, omittingEmptySubsequences: false).joined(separator: content)
      case .stripStart(let character, let count):
        var left = count
        while left > 0, text.first == character {
          text.removeFirst()
          left -= 1
        }
      }
    }
    return Array(text.utf8)
  }
}
