import Testing

@testable import infer_serve

struct WordSupplyTests {
  private let ones = (0..<100).map { (text: "w\($0)", tokens: 1) }

  private func count(_ text: String) -> Int { text.split(separator: " ").count }

  @Test func piecesHaveTheirTokensAndEqualKeysTheSameText() {
    let supply = WordSupply(ones + [(text: "long", tokens: 3)], seed: 7)
    let short = supply.text([.shared(3, tokens: 20)])
    let long = supply.text([.shared(3, tokens: 200), .unique(0, tokens: 11)])
    #expect(count(short) == 20 && count(long) == 211 && long.hasPrefix(short + " "))
    #expect(!long.contains("long"))
    #expect(!supply.text([.shared(4, tokens: 20)]).hasPrefix(short.prefix(12)))
    #expect(WordSupply(ones, seed: 8).text([.shared(3, tokens: 20)]) != short)
  }

  @Test func wordsOfSeveralTokensCountAsSuch() {
    let words = [(text: "aa", tokens: 2), (text: "bbb", tokens: 3)]
    let text = WordSupply(words, seed: 1).text([.unique(0, tokens: 100)])
    let tokens = text.split(separator: " ").reduce(0) { $0 + $1.count }
    #expect(tokens == 100 || tokens == 99)
    #expect(WordSupply(words, seed: 1).text([.unique(0, tokens: 1)]).isEmpty)
  }

  @Test func randomPromptsShareTheirPrefixOnly() {
    var workload = RandomWorkload(seed: 1)
    (workload.requests, workload.inputTokens, workload.prefixTokens, workload.rangeRatio) = (200, 100, 10, 0.5)
    var lengths: Set<Int> = []
    for session in workload.sessions {
      guard case .pieces(let pieces) = session.turns[0].prompt else {
        Issue.record("no pieces")
        return
      }
      #expect(pieces.count == 2 && pieces[0] == .shared(0, tokens: 10))
      lengths.insert(pieces[1].tokens)
    }
    #expect(lengths.allSatisfy((50...150).contains) && lengths.count > 50)
  }
}
