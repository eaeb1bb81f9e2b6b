/// A vocabulary made ready for masks: all tokens as a trie, and those that may stand in JSON strings sorted by what they do
/// there, since most tokens stay in a string and need not be looked at one by one.
public final class MaskVocabulary: Sendable {
  /// One more than the highest id.
  let size: Int
  let all: TokenTrie
  /// Tokens without quotation marks, backslashes and control characters.
  let plain: TokenTrie
  /// Tokens with backslashes that stay in a string.
  let escaped: TokenTrie
  /// Tokens with which a string ends.
  let closing: ClosingTokens
  /// Tokens that stay in any string, by the number of characters that they are at least a part of.
  let inner: TextTokens
  /// Tokens that begin with white space.
  let spaced: TokenMask
  /// The special tokens, and which of them are marks.
  let marks: AnswerMarks
  private let reasoningEnds = ReasoningEnds()

  /// - Parameters:
  ///   - size: One more than the highest id.
  ///   - tokens: The ids and bytes of tokens that may be generated in a text; special tokens are not among them.
  public convenience init(size: Int, _ tokens: [(id: Int32, bytes: [UInt8])]) {
    self.init(size: size, tokens, AnswerMarks())
  }

  init(size: Int, _ tokens: [(id: Int32, bytes: [UInt8])], _ marks: AnswerMarks) {
    let tokens = tokens.filter { !AnswerMarks.areReserved($0.bytes) } + marks.bytes.map { ($0.key, $0.value) }
    self.marks = marks
    self.size = size
    var (plain, escaped, closing) = ([TokenTrie.Token](), [TokenTrie.Token](), [ClosingTokens.Split]())
    var inner: [(id: Int32, characters: Int)] = []
    var text = StringText()
    var spaced = TokenMask(size: size)
    for token in tokens where !token.bytes.isEmpty {
      if token.bytes[0].isJSONSpace { spaced.insert(token.id) }
      switch text.read(token.bytes) {
      case .nowhere: break
      case .part(let characters, let isPlain):
        if isPlain { plain.append(token) } else { escaped.append(token) }
        if let characters { inner.append((token.id, characters)) }
      case .end(let mark): closing.append(ClosingTokens.Split(id: token.id, bytes: token.bytes, mark: mark))
      }
    }
    all = TokenTrie(tokens)
    self.spaced = spaced
    self.plain = TokenTrie(plain)
    self.escaped = TokenTrie(escaped)
    self.closing = ClosingTokens(closing)
    self.inner = TextTokens(size: size, inner)
  }
}

extension MaskVocabulary {
  /// The end of reasoning that a mark is. The first who asks for one has all tokens looked at.
  func reasoningEnd(_ mark: String) -> ReasoningEnd { reasoningEnds.end(mark, in: all) }

  /// The tokens of a tokenizer.
  ///
  /// - Parameters:
  ///   - tokenizer: The tokenizer.
  ///   - format: The makeup of the model's answers, whose marks constraints on calls may have even where they are special
  ///     tokens. Other special tokens stand in no text that is held to a language.
  public convenience init(_ tokenizer: Tokenizer, format: OutputFormat? = nil) {
    let ids = (0..<Int32(tokenizer.vocabularySize)).filter { !tokenizer.isSpecial($0) }
    let marks = format?.toolCalls?.literals(suffix: format?.tagSuffix ?? "") ?? []
    self.init(
      size: tokenizer.vocabularySize, ids.map { ($0, tokenizer.bytes(for: $0)) }, AnswerMarks(marks, tokenizer))
  }

  /// The bytes of a token in the texts that automata read; none for one that no text has.
  func bytes(of token: Int32, _ tokenizer: Tokenizer) -> [UInt8] {
    if let bytes = marks.bytes[token] { return bytes }
    let bytes = tokenizer.bytes(for: token)
    return AnswerMarks.areReserved(bytes) ? [] : bytes
  }
}

/// Tokens that stay in a string, by their numbers of characters.
struct TextTokens: Sendable {
  /// The tokens of up to so many characters, by that number.
  private var masks: [TokenMask] = []
  /// The longer ones, the shortest first.
  private var longer: [(id: Int32, characters: Int)] = []

  private static let maxCharacters = 16

  init(size: Int, _ tokens: [(id: Int32, characters: Int)]) {
    let sorted = tokens.sorted { $0.characters < $1.characters }
    var (mask, index) = (TokenMask(size: size), 0)
    for count in 0...Self.maxCharacters {
      while index < sorted.count, sorted[index].characters <= count {
        mask.insert(sorted[index].id)
        index += 1
      }
      masks.append(mask)
    }
    longer = Array(sorted[index...])
  }

  /// The tokens of up to so many characters.
  func mask(upTo characters: Int) -> TokenMask {
    var mask = masks[min(max(0, characters), Self.maxCharacters)]
    for token in longer.prefix(while: { $0.characters <= characters }) { mask.insert(token.id) }
    return mask
  }
}

/// Reads tokens as parts of a JSON string, from between two of its characters.
private struct StringText {
  private var automaton = ByteAutomaton()
  private let characters: Expression

  init() { characters = automaton.pool.anyText }

  enum Reading {
    /// It can stand in no string, not even behind a part of a character.
    case nowhere
    /// It stays in the string; the number of characters that it has a part of, unless it begins within one.
    case part(characters: Int?, isPlain: Bool)
    /// The string ends with the byte of this index.
    case end(mark: Int)
  }

  mutating func read(_ bytes: [UInt8]) -> Reading {
    var (escape, isPlain, count) = (JSONEscape.none, true, 0)
    var state: Expression = characters
    for (index, byte) in bytes.enumerated() {
      if escape == .none, byte == UInt8(ascii: "\"") { return .end(mark: index) }
      switch escape.advance(byte) {
      case .refused: return .nowhere
      case .inside: isPlain = false
      case .text(let text):
        if text[0] & 0xC0 != 0x80 { count += 1 }
        state = automaton.next(state, text)
      }
    }
    if escape != .none { count += 1 }
    return .part(characters: state == .nothing ? nil : count, isPlain: isPlain)
  }
}
