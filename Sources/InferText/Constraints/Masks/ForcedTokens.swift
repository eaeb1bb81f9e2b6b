// The tokens of a text that must follow.
extension ConstrainedAnswer {
  /// The tokens that must come next, in the way in which the tokenizer cuts the text that must follow; empty where there is a
  /// choice.
  ///
  /// The last tokens of that text are left to the model where they may be the beginning of a longer token.
  public func forcedTokens() -> [Int32] {
    guard case .content = phase else { return [] }
    return vocabulary.tokens(of: content.forcedText(), tokenizer)
  }
}

extension MaskVocabulary {
  /// The tokens for the beginning of a text that goes on, or ends if it is the last.
  func tokens(of text: ForcedText, _ tokenizer: Tokenizer) -> [Int32] {
    guard !text.bytes.isEmpty else { return [] }
    var (ids, rest) = ([Int32](), text.bytes[...])
    while let place = rest.firstIndex(where: { $0 >= AnswerMarks.other }) {
      guard let plain = plainTokens(of: rest[..<place], tokenizer) else { return ids }
      ids += plain
      guard let id = marks.token(beginning: rest[place...]) else { return ids }
      ids.append(id)
      rest = rest[(place + 2)...]
    }
    // A character whose last bytes are open is left to the model.
    let whole = rest.dropLast(UTF8.unfinishedSuffix(of: Array(rest)))
    guard let plain = plainTokens(of: whole, tokenizer) else { return ids }
    return ids + (text.isLast ? plain : stableTokens(plain, of: rest, tokenizer))
  }

  /// The tokens of a text without special ones; `nil` where they are not its bytes, as where the tokenizer rewrites it.
  private func plainTokens(of text: ArraySlice<UInt8>, _ tokenizer: Tokenizer) -> [Int32]? {
    guard let ids = try? tokenizer.encode(continuation: text), ids.allSatisfy({ !tokenizer.isSpecial($0) }),
      ids.flatMap({ tokenizer.bytes(for: $0) }) == Array(text)
    else { return nil }
    return ids
  }

  /// The tokens before the first from which on the rest of the text is the beginning of a longer token.
  private func stableTokens(_ ids: [Int32], of text: ArraySlice<UInt8>, _ tokenizer: Tokenizer) -> [Int32] {
    var rest = text
    for (index, id) in ids.enumerated() {
      if all.hasTokens(longerThan: rest) { return Array(ids[..<index]) }
      rest = rest.dropFirst(tokenizer.bytes(for: id).count)
    }
    return ids
  }
}
