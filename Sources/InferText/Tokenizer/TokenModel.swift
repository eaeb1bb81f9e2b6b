/// How the pieces of a text become tokens.
enum TokenModel: Sendable {
  case bytePair(BytePairModel)
  case unigram(UnigramModel)
  case longestMatch(LongestMatchModel)
  case leastCost(LeastCostModel)

  /// Sees to it that no text becomes one of the special tokens but by the names that added tokens are found by: files
  /// may hold merges or scores for them as for any other.
  mutating func forgetSpecialTokens(among added: [AddedToken]) {
    let special = added.filter(\.isSpecial)
    switch self {
    case .bytePair(var model):
      model.forget(Set(special.map(\.id)))
      self = .bytePair(model)
    case .unigram(var model):
      for token in special { model.forget(Array(token.content.utf8)) }
      self = .unigram(model)
    case .longestMatch(var model):
      for token in special { model.forget(Array(token.content.utf8)) }
      self = .longestMatch(model)
    case .leastCost(var model):
      for token in special { model.forget(Array(token.content.utf8)) }
      self = .leastCost(model)
    }
  }

  /// Appends the tokens of one piece, given as UTF-8.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32], _ scratch: EncoderScratch) {
    switch self {
    case .bytePair(let model): model.encode(piece, into: &ids, &scratch.queue)
    case .unigram(let model): model.encode(piece, into: &ids, &scratch.lattice)
    case .longestMatch(let model): model.encode(piece, into: &ids)
    case .leastCost(let model): model.encode(piece, into: &ids, &scratch.lattice)
    }
  }
}
