/// The mark that ends reasoning, in the text of an answer.
struct ReasoningEnd: Sendable {
  /// The bytes of the mark.
  let mark: [UInt8]
  /// The tokens that begin with the end of the mark and have more behind it, by the number of bytes that the mark has
  /// before.
  private let tokensAcross: [[(id: Int32, rest: [UInt8])]]

  /// - Parameters:
  ///   - mark: The text of the mark.
  ///   - vocabulary: The tokens of reasoning.
  init(_ mark: String, in vocabulary: MaskVocabulary) {
    let mark = Array(mark.utf8)
    self.mark = mark
    tokensAcross = mark.indices.map { vocabulary.all.tokens(longerThan: mark[$0...]) }
  }

  /// The part of a text that may hold the beginning of a mark.
  func tail(of text: [UInt8]) -> [UInt8] { text.suffix(mark.count - 1) }

  /// The text behind the mark and white space; `nil` without a mark.
  func rest(in text: [UInt8]) -> ArraySlice<UInt8>? {
    guard text.count >= mark.count else { return nil }
    let start = (0...text.count - mark.count).first { text[$0...].starts(with: mark) }
    return start.map { text[($0 + mark.count)...].drop(while: \.isJSONSpace) }
  }

  /// The tokens that would end the reasoning behind `tail` and begin a content that cannot be.
  func tokensAcross(behind tail: [UInt8], into content: ConstraintCursor) -> [Int32] {
    let begun = mark.indices.filter { tail.suffix($0) == mark.prefix($0) }
    return begun.flatMap { tokensAcross[$0] }.filter { token in
      var content = content
      let rest = token.rest.drop(while: \.isJSONSpace)
      return !rest.isEmpty && !content.accept(rest)
    }.map(\.id)
  }
}
