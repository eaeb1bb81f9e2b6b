/// How the pieces of a text become tokens.
enum TokenModel: Sendable {
  case bytePair(BytePairModel)
  case unigram(UnigramModel)

  /// Appends the tokens of one piece, given as UTF-8.
  func encode(_ piece: Span<UInt8>, into ids: inout [Int32], _ scratch: EncoderScratch) {
    switch self {
    case .bytePair(let model): model.encode(piece, into: &ids, &scratch.queue)
    case .unigram(let model): model.encode(piece, into: &ids, &scratch.lattice)
    }
  }
}
