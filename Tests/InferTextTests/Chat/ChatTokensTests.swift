import Testing

@testable import InferText

@Suite struct ChatTokensTests {
  /// `<s>SYSTEM</s><s>user: HI</s><s>assistant: YES</s><s>user: AGAIN</s><s>assistant:`, a token for each name and word.
  @Test func branchesAreWhereMessagesBeginAndTheLastEnds() {
    let tokens = ChatTokens(
      ids: Array(0..<20), outside: [3..<9, 22..<24, 42..<45, 58..<63],
      starts: [(3, 1), (16, 4), (31, 8), (52, 12), (70, 16)])
    #expect(tokens.messageStarts == [1, 4, 8, 12] && tokens.lastMessageEnd == 16)
    #expect(tokens.branches == [1, 4, 8, 12, 16])
  }

  @Test func ofManyMessagesTheFirstAndTheLastCount() {
    let starts = (0..<10).map { (byte: $0 * 10, tokens: $0 * 3 + 1) }
    let tokens = ChatTokens(ids: [], outside: (0..<9).map { $0 * 10 + 2..<$0 * 10 + 8 }, starts: starts)
    #expect(tokens.messageStarts == (0..<9).map { $0 * 3 + 1 })
    #expect(tokens.branches == [1, 4, 22, 25, 28])
  }

  /// Parts of one message, added tokens within messages, and templates that mark nothing.
  @Test func whatMarksNoMessageIsNoBranch() {
    let parts = ChatTokens(ids: [], outside: [5..<6, 8..<9, 12..<20], starts: [(4, 2), (15, 9)])
    #expect(parts.messageStarts == [2] && parts.lastMessageEnd == nil && parts.branches == [2])
    let within = ChatTokens(ids: [], outside: [5..<20, 30..<40], starts: [(4, 2), (15, 9)])
    #expect(within.messageStarts == [2])
    #expect(ChatTokens(ids: [], outside: [5..<20], starts: [(0, 0)]).branches.isEmpty)
    #expect(ChatTokens(ids: [], outside: [], starts: []).branches.isEmpty)
  }
}
