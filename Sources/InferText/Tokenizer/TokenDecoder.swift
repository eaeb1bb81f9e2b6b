/// How the tokens of a text become bytes again. Every supported step works on one token at a time,
/// but for what is done to the first token, and for characters removed from the start of the whole text.
struct TokenDecoder: Sendable {
  enum Step: Sendable {
    case byteLevel
    case byteFallback
    /// Tokens are spelled with escapes, as `\\xff`.
    case escapes
    case replace(SplitPattern, with: [UInt8])
    /// Removes at most so many of these characters from either end.
    case strip([UInt8], start: Int, stop: Int)
    /// Marks are spaces, and vanish from the first token where encoding had put one there.
    case metaspace(mark: [UInt8], dropsFirst: Bool)
    /// Puts a space before all tokens but the first.
    case join
  }

  /// Removed from the start of the whole text, at most so many times.
  struct LeadingStrip: Sendable {
    let character: UInt8
    let count: Int
  }

  private(set) var steps: [Step]
  private(set) var leadingStrip: LeadingStrip?

  init(_ steps: [Step], leadingStrip: LeadingStrip? = nil) {
    self.steps = steps
    self.leadingStrip = leadingStrip
  }

  /// Whether the first token of a text may decode to something else than later ones.
  var treatsFirstTokenApart: Bool {
    steps.contains {
      switch $0 {
      case .join: true
      case .metaspace(_, let dropsFirst): dropsFirst
      default: false
      }
    }
  }

  /// The bytes that a token stands for.
  ///
  /// An added token is text and not spelled in an alphabet of bytes, even where its characters all are of that alphabet
  /// (`ü` in DeepSeek's vocabulary).
  func bytes(
    for token: [UInt8], isAdded: Bool, isFirst: Bool, with matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) -> [UInt8] {
    var bytes = token
    for step in steps {
      switch step {
      case .byteLevel:
        return isAdded ? bytes : ByteAlphabet.bytes(spelledBy: String(decoding: bytes, as: UTF8.self)) ?? bytes
      case .byteFallback:
        if !isAdded, let byte = ByteFallback.byte(of: String(decoding: bytes, as: UTF8.self)) { return [byte] }
      case .escapes: if !isAdded { return EscapedBytes.bytes(spelledBy: bytes) ?? bytes }
      case .replace(let pattern, let content):
        bytes = try pattern.replacingMatches(in: bytes, with: content, matcher)
      case .strip(let character, let start, let stop): bytes = Self.strip(bytes, of: character, start, stop)
      case .metaspace(let mark, let dropsFirst):
        let content = isFirst && dropsFirst ? [] : [UInt8(ascii: " ")]
        bytes = try SplitPattern.literal(mark).replacingMatches(in: bytes, with: content, matcher)
      case .join: if !isFirst { bytes.insert(UInt8(ascii: " "), at: 0) }
      }
    }
    return bytes
  }

  private static func strip(_ bytes: [UInt8], of character: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
    var bytes = bytes[...]
    for _ in 0..<start where bytes.starts(with: character) { bytes.removeFirst(character.count) }
    for _ in 0..<stop where bytes.suffix(character.count).elementsEqual(character) { bytes.removeLast(character.count) }
    return Array(bytes)
  }
}

extension TokenDecoder {
  /// Reads the member `decoder` of a `tokenizer.json`. Without one, tokens are joined by spaces.
  init(_ field: TokenizerField?) throws(TokenizerError) {
    self.init(field == nil ? [.join] : [])
    var isFused = false
    if let field { try add(field, isFused: &isFused) }
  }

  private mutating func add(_ field: TokenizerField, isFused: inout Bool) throws(TokenizerError) {
    let type = try field.type()
    switch type {
    case "Sequence": for step in try field.require("decoders").elements() { try add(step, isFused: &isFused) }
    case "Fuse": isFused = true
    case "Strip" where isFused:
      guard leadingStrip == nil, try field.require("stop").count() == 0 else {
        throw field.unsupported("stripping the end of a whole text")
      }
      let content = try field.require("content")
      guard let byte = try content.string().utf8.first, try content.string().utf8.count == 1, byte < 0x80 else {
        throw content.unsupported("stripping anything but one ASCII character")
      }
      leadingStrip = LeadingStrip(character: byte, count: try field.require("start").count())
    // The steps behind see the whole text, which is not there yet while it is generated.
    case _ where isFused: throw field.unsupported("the decoder \(type) behind Fuse")
    case "ByteLevel": steps.append(.byteLevel)
    case "ByteFallback": steps.append(.byteFallback)
    case "Replace":
      let content = Array(try field.require("content").string().utf8)
      steps.append(.replace(try SplitPattern(try field.require("pattern")), with: content))
    case "Strip":
      let content = Array(try field.require("content").string().utf8)
      guard !content.isEmpty else { throw field.invalid("\"content\" is empty") }
      // A token is at most a kilobyte or so; larger counts mean the same.
      let start = min(try field.require("start").count(), 4096)
      steps.append(.strip(content, start: start, stop: min(try field.require("stop").count(), 4096)))
    case "Metaspace":
      let mark = Array(try field.require("replacement").string().utf8)
      steps.append(.metaspace(mark: mark, dropsFirst: try PreTokenizer.PrependScheme(field) != .never))
    default: throw field.unsupported("the decoder \(type)")
    }
  }
}
