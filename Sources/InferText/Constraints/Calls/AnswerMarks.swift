/// The special tokens that a text may have, as bytes that no text has.
///
/// A tokenizer may hold a mark of calls to be special; then the token is not the mark's text, which may be there as well. In
/// the bytes that automata read, such a token is 0xFF and its number, and other special tokens are 0xFE.
struct AnswerMarks: Sendable {
  private var numbers: TextDictionary<UInt8> = [:]
  /// The bytes of special tokens, by id.
  private(set) var bytes: [Int32: [UInt8]] = [:]

  /// The byte that stands for a special token which is no mark.
  static let other: UInt8 = 0xFE
  /// The byte with which a token that is a mark begins.
  static let mark: UInt8 = 0xFF

  /// No marks.
  init() {}

  /// - Parameters:
  ///   - marks: The texts of marks, 256 at most.
  ///   - tokenizer: The tokenizer.
  init(_ marks: [String], _ tokenizer: Tokenizer) {
    for id in 0..<Int32(tokenizer.vocabularySize) where tokenizer.isSpecial(id) { bytes[id] = [Self.other] }
    for text in marks {
      guard let id = tokenizer.id(for: text), bytes[id] != nil, numbers[text] == nil else { continue }
      let number = UInt8(numbers.count)
      numbers[text] = number
      bytes[id] = [Self.mark, number]
    }
  }

  /// `true` for bytes that stand for special tokens and for no text.
  static func areReserved(_ bytes: [UInt8]) -> Bool { bytes.contains { $0 >= other } }

  /// A mark, as a text or as a token.
  func part(_ text: String, _ grammar: inout Grammar) -> Grammar.Part {
    .language(expression(text, &grammar.automaton.pool))
  }

  /// The special token that is a mark with whose bytes a text begins; `nil` for none.
  func token(beginning text: ArraySlice<UInt8>) -> Int32? {
    guard text.first == Self.mark, text.count > 1 else { return nil }
    let form = Array(text.prefix(2))
    return bytes.filter { $0.value == form }.map(\.key).min()
  }

  /// The number of a mark that is a token; `nil` for one that is not.
  func number(of text: String) -> UInt8? { numbers[text] }

  /// A mark, as a text or as a token.
  func expression(_ text: String, _ pool: inout ExpressionPool) -> Expression {
    pool.union(ofTexts: forms(of: text))
  }

  /// The bytes of a mark, as a text and, where it is special, as a token.
  func forms(of text: String) -> [[UInt8]] {
    [Array(text.utf8)] + (numbers[text].map { [[Self.mark, $0]] } ?? [])
  }
}
