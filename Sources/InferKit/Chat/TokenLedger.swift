/// The tokens of an answer and the bytes of text that came from each, for as long as they may matter.
/// Tokens are numbered from 0.
package struct TokenLedger: Sendable {
  /// Tokens so far.
  package private(set) var count = 0

  /// The numbers of the tokens that the bytes of the text came from, from `start` on.
  private var numbers: [Int] = []
  private var start = 0
  /// The tokens from number `firstToken` on.
  private var tokens: [GeneratedToken] = []
  private var firstToken = 0
  /// How many bytes came from the last token that has any.
  private var lastLength = 0

  /// Adds a piece of the answer.
  mutating func add(_ piece: TextPiece) {
    tokens += piece.tokens
    add(piece.sources.lazy.map { [count] in count + $0 })
    count += piece.tokens.count
  }

  private mutating func add(_ sources: some Sequence<Int>) {
    for number in sources {
      lastLength = number == numbers.last ? lastLength + 1 : 1
      numbers.append(number)
    }
  }

  /// The number of the token that the byte at an offset came from; that of the next token behind the text.
  package func number(at offset: Int) -> Int {
    offset - start < numbers.count ? numbers[max(offset - start, 0)] : count
  }

  /// A token; `nil` for one that has been forgotten.
  package func token(_ number: Int) -> GeneratedToken? { number < firstToken ? nil : tokens[number - firstToken] }

  /// Whether bytes from an offset on come from the token of that number, or may: `length` is how many it has in all.
  package func goesOn(_ number: Int, at offset: Int, length: Int) -> Bool {
    if offset - start < numbers.count { return self.number(at: offset) == number }
    return number == numbers.last && lastLength < length
  }

  /// Drops what stands before an offset, and tokens before a number.
  mutating func forget(before offset: Int, token number: Int) {
    // Now and then, so that a byte is moved a bounded number of times.
    let bytes = min(offset - start, numbers.count - 1)
    if bytes > numbers.count / 2 {
      numbers.removeFirst(bytes)
      start += bytes
    }
    let old = number - firstToken
    if old > tokens.count / 2, old <= tokens.count {
      tokens.removeFirst(old)
      firstToken += old
    }
  }
}
