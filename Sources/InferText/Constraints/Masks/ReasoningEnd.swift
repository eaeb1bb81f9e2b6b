internal import Foundation

/// The mark that ends reasoning, in the text of an answer.
struct ReasoningEnd: Sendable {
  /// The bytes of the mark.
  let mark: [UInt8]
  /// The tokens that begin with the end of the mark and have more behind it, by the number of bytes that the mark has
  /// before.
  private let tokensAcross: [[(id: Int32, rest: [UInt8])]]
  /// The tokens that have the whole mark behind their first byte, and more behind it.
  private let tokensAround: [(id: Int32, rest: [UInt8])]

  /// Looks at every token: O(bytes of the vocabulary).
  ///
  /// - Parameters:
  ///   - mark: The text of the mark.
  ///   - vocabulary: The tokens of reasoning.
  init(_ mark: String, in vocabulary: TokenTrie) {
    let mark = Array(mark.utf8)
    self.mark = mark
    tokensAcross = mark.indices.map { vocabulary.tokens(longerThan: mark[$0...]) }
    tokensAround = vocabulary.tokens(around: mark)
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
    return (begun.flatMap { tokensAcross[$0] } + tokensAround).filter { token in
      var content = content
      let rest = token.rest.drop(while: \.isJSONSpace)
      return !rest.isEmpty && !content.accept(rest)
    }.map(\.id)
  }
}

/// The ends of reasoning that were asked for, by the bytes of their marks.
final class ReasoningEnds: @unchecked Sendable {
  // Safe because the lock is held wherever the ends are used.
  private let lock = NSLock()
  private var known: [[UInt8]: ReasoningEnd] = [:]

  /// The end that a mark is in a vocabulary, which is the same one each time.
  func end(_ mark: String, in vocabulary: TokenTrie) -> ReasoningEnd {
    lock.withLock {
      if let known = known[Array(mark.utf8)] { return known }
      let end = ReasoningEnd(mark, in: vocabulary)
      known[Array(mark.utf8)] = end
      return end
    }
  }
}
