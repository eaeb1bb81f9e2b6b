/// Makes text of about a given number of tokens.
struct WordSupply: Sendable {
  /// The tokens that each word takes behind another.
  private let words: [(text: String, tokens: Int)]
  private let shortest: (text: String, tokens: Int)
  private let seed: UInt64

  /// Fewer words of one token than these make prompts too much alike; then longer ones are used as well.
  private static let enough = 64

  /// - Parameters:
  ///   - words: Words and the tokens that each of them takes. Those of one token are used alone when there are enough.
  ///   - seed: Decides the text of all pieces.
  /// - Precondition: There is a word, and each has at least one token.
  init(_ words: [(text: String, tokens: Int)], seed: UInt64) {
    precondition(!words.isEmpty && words.allSatisfy { $0.tokens > 0 }, "\(words.count) words, each of some tokens")
    let single = words.filter { $0.tokens == 1 }
    self.words = single.count >= Self.enough ? single : words
    shortest = self.words.min { $0.tokens < $1.tokens } ?? words[0]
    self.seed = seed
  }

  /// Words of which each is taken to be a token.
  init(seed: UInt64) { self.init(SyntheticWords.all.map { ($0, 1) }, seed: seed) }

  /// A prompt's text: its pieces, one after another.
  func text(_ pieces: [PromptPiece]) -> String {
    var text = ""
    for piece in pieces { append(piece, to: &text) }
    return text
  }

  /// Words until the piece has as many tokens as it should, or too few are left for any.
  private func append(_ piece: PromptPiece, to text: inout String) {
    var random = SplitMix64(seed: seed, stream: piece.key)
    var left = piece.tokens
    while left >= shortest.tokens {
      var word = words[Int(random.next() % UInt64(words.count))]
      if word.tokens > left { word = shortest }
      if !text.isEmpty { text += " " }
      text += word.text
      left -= word.tokens
    }
  }
}
