import Testing

@testable import InferText

/// Where reasoning ends within a token.
@Suite struct ReasoningEndTests {
  private let texts = [
    "<", "/think", ">", ">\n", ">4", ">\n 4", ">x", "k>7", "k> x", "</think>\n\n", "</think>x", "a</th", "7",
    "so</think>x", "so</think>7", "so</think> ",
  ]

  @Test func tokensThatBeginNoContentAreTold() throws {
    let vocabulary = MaskVocabulary(size: texts.count, texts.enumerated().map { (Int32($0), Array($1.utf8)) })
    let end = ReasoningEnd("</think>", in: vocabulary.all)
    let number = try Constraint(schema: ["type": "integer"], for: vocabulary).makeCursor(whiteSpace: .generated)
    func refused(behind text: String) -> Set<String> {
      Set(end.tokensAcross(behind: end.tail(of: Array(text.utf8)), into: number).map { texts[Int($0)] })
    }
    // The mark may stand within a token.
    let always: Set = ["</think>x", "so</think>x"]
    #expect(refused(behind: "") == always)
    #expect(refused(behind: "so </think") == always.union([">x"]))
    #expect(refused(behind: "</thin") == always.union(["k> x"]))
    #expect(refused(behind: "</thin>k") == always)
    // All others end the reasoning, and a number can follow.
    for (text, rest) in [(">4", "4"), (">\n 4", "4"), (">\n", "")] {
      #expect(end.rest(in: Array("</think\(text)".utf8)).map { String(decoding: $0, as: UTF8.self) } == rest)
    }
    #expect(end.rest(in: Array("</think".utf8)) == nil)
  }
}
