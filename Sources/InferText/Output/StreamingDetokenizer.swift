/// Tokens → text, one token at a time, without ever giving out a part of a character.
///
/// Tokens are byte strings that may end within a character. The bytes of an unfinished character wait for the next
/// token; bytes that can no longer become one turn into U+FFFD. All pieces joined are `Tokenizer.decode` of all
/// tokens, and a piece once given out is never revised.
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  private let kept: Set<Int32>
  /// At most three bytes: the longest unfinished character.
  private var pending: [UInt8] = []
  /// The number of the token that each of them came from.
  private var pendingSources: [Int] = []
  private var strippable: Int
  private var isFirst = true

  /// - Parameters:
  ///   - tokenizer: The model's tokenizer.
  ///   - skippingSpecialTokens: Whether special tokens contribute nothing, rather than their names.
  ///   - kept: Special tokens that contribute their names all the same, such as tags around reasoning.
  public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = true, keeping kept: Set<Int32> = []) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
    self.kept = kept
    strippable = tokenizer.decoder.leadingStrip?.count ?? 0
  }

  /// Takes the next token and returns the text that it completes, possibly none.
  public mutating func append(_ id: Int32) -> String { append(id, number: 0).text }

  /// Takes the next token, which is known by a number, and returns the text that it completes, possibly none.
  package mutating func append(_ id: Int32, number: Int) -> TracedText {
    if skippingSpecialTokens, tokenizer.isSpecial(id), !kept.contains(id) { return TracedText() }
    var bytes = isFirst ? tokenizer.firstBytes(for: id) : tokenizer.decoded[id]
    if isFirst { isFirst = !tokenizer.contains(id) }
    if strippable > 0, !bytes.isEmpty, let strip = tokenizer.decoder.leadingStrip {
      let count = bytes.prefix(strippable).prefix { $0 == strip.character }.count
      bytes = bytes.dropFirst(count)
      strippable = bytes.isEmpty ? strippable - count : 0
    }
    pending += bytes
    pendingSources += repeatElement(number, count: bytes.count)
    return take(pending.count - UTF8.unfinishedSuffix(of: pending))
  }

  /// Ends the text: returns U+FFFD if it ended within a character.
  public mutating func finish() -> String { finishTraced().text }

  /// As ``finish()``, with where the text came from.
  package mutating func finishTraced() -> TracedText { take(pending.count) }

  private mutating func take(_ count: Int) -> TracedText {
    defer {
      pending.removeFirst(count)
      pendingSources.removeFirst(count)
    }
    return TracedText(decoding: pending[..<count], sources: pendingSources[..<count])
  }
}

extension UTF8 {
  /// How many bytes at the end begin a character that more bytes could still complete: 0…3.
  static func unfinishedSuffix(of bytes: [UInt8]) -> Int {
    for count in 1...3 where count <= bytes.count {
      let lead = bytes[bytes.count - count]
      guard lead & 0xC0 != 0x80 else { continue }
      let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
      guard (0xC2...0xF4).contains(lead), count < length else { return 0 }
      guard count > 1 else { return 1 }
      // The second byte decides whether the sequence is well-formed (Unicode, table 3-7).
      let second = bytes[bytes.count - count + 1]
      let allowed: ClosedRange<UInt8> =
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
      return allowed.contains(second) ? count : 0
    }
    return 0
  }
}
