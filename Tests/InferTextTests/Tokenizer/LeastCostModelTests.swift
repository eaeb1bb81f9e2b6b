import Testing

@testable import InferText

/// PLaMo 2's tokens, against all ways there are to cut a text.
@Suite struct LeastCostModelTests {
  /// Texts and scores: some ways cost the same, one token costs too much, and one is for structure.
  private static let words: [(String, Float)] = [
    ("a", -3), ("b", -3.5), ("ab", -6), ("abc", -7.25), ("bc", -4), ("c", -2.125), ("ca", -4), ("aa", -6),
    ("雞", -5), ("兔", -5), ("雞兔", -9.5), ("é", -4), (" ", -1.5), ("dear", -2_001),
  ]

  private static let list: TokenList = {
    let bytes = (0..<256).map { ByteFallback.token(for: $0) }
    let names = ["<unk>", "<s>", "</s>"] + words.map(\.0) + bytes
    let kinds: [TokenList.TokenType] =
      [.unknown, .control, .control] + words.map { _ in .normal } + bytes.map { _ in .byte }
    var list = TokenList(
      algorithm: .leastCost, tokens: names, scores: [0, 0, 0] + words.map(\.1) + bytes.map { _ in 0 },
      types: kinds.map(\.rawValue))
    (list.bos, list.eos) = (1, 2)
    return list
  }()

  /// The cost in ten-thousandths of the cheapest way to cut characters, found by trying all.
  private static func leastCost(_ text: ArraySlice<Character>) -> Int {
    guard !text.isEmpty else { return 0 }
    // An unknown character.
    var best = 10_000_000 + leastCost(text.dropFirst())
    for (word, score) in words where score > -2_000 && text.starts(with: word) {
      best = min(best, Int((-score * 1e4).rounded()) + leastCost(text.dropFirst(word.count)))
    }
    return best
  }

  private static func cost(_ ids: [Int32]) -> Int {
    var cost = 0
    var left = 0
    for id in ids {
      let name = list.tokens[Int(id)]
      if let byte = ByteFallback.byte(of: name) {
        // The first byte of a character tells how many follow.
        if left == 0 { (cost, left) = (cost + 10_000_000, UTF8.length(startingWith: byte)) }
        left -= 1
      } else {
        cost += Int((-list.scores[Int(id)] * 1e4).rounded())
      }
    }
    return cost
  }

  @Test func noWayIsCheaper() throws {
    let tokenizer = try Tokenizer(Self.list)
    var random = SystemRandomNumberGenerator()
    let alphabet: [Character] = ["a", "b", "c", "雞", "兔", "é", " ", "z", "😀"]
    for _ in 0..<300 {
      let count = Int.random(in: 0...9, using: &random)
      let characters = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? "a" }
      let text = String(characters)
      let ids = try tokenizer.encode(text)
      #expect(tokenizer.decode(ids) == text)
      #expect(Self.cost(ids) == Self.leastCost(characters[...]), "\(text): \(ids)")
    }
  }

  @Test func longerTokensAreTakenOfEqualOnes() throws {
    let tokenizer = try Tokenizer(Self.list)
    func names(_ text: String) throws -> [String?] { try tokenizer.encode(text).map { tokenizer.token(for: $0) } }
    #expect(try names("aa") == ["aa"])
    #expect(try names("aaa") == ["aa", "a"])
    #expect(try names("abc") == ["a", "bc"])
    #expect(try names("dear") == [100, 101, 97, 114].map { $0 == 97 ? "a" : ByteFallback.token(for: $0) })
    // A mark of byte order goes; one within a text is a character as any other.
    #expect(try names("\u{FEFF}a") == ["a"])
    #expect(try tokenizer.decode(tokenizer.encode("a\u{FEFF}b")) == "a\u{FEFF}b")
    #expect(try names("") == [])
  }

  @Test func listsSayWhatTokenizersDo() throws {
    let tokenizer = try Tokenizer(Self.list)
    let list = try #require(TokenList(tokenizer, count: Self.list.tokens.count, endTokens: [2]))
    #expect(list.algorithm == .leastCost && list.algorithm.name == "plamo2" && list.eos == 2)
    let again = try Tokenizer(list)
    for text in ["abc雞兔 ca", "é😀z", "dear aa"] { #expect(try again.encode(text) == tokenizer.encode(text)) }
  }

  @Test func bytesAreAskedFor() {
    var list = Self.list
    list.tokens[200] = "none"
    #expect {
      try Tokenizer(list)
    } throws: { "\($0)".contains("tokens: not every byte has a token") }
    list = Self.list
    list.scores.removeLast()
    #expect {
      try Tokenizer(list)
    } throws: { "\($0)".contains("scores: 272 scores for 273 tokens") }
  }
}
