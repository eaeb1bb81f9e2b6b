import Foundation
import InferText
import Testing

/// Where a constraint begins, and where it does not.
@Suite struct ConstrainedAnswerTests {
  private let tokenizer: Tokenizer
  private let vocabulary: MaskVocabulary
  private let number: Constraint
  private let format = OutputFormat(template: "<think></think><tool_call>{\"name\": \"</tool_call>")

  init() throws {
    let repository = TextFixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    tokenizer = try Tokenizer(folder: repository.appending(path: "Models/tiny"))
    vocabulary = MaskVocabulary(tokenizer)
    number = try Constraint(schema: ["type": "integer"], for: vocabulary)
  }

  private func answer(prompt: String = "", mayCall: Bool = false) -> ConstrainedAnswer {
    ConstrainedAnswer(
      number, for: vocabulary, tokenizer: tokenizer, format: format, prompt: prompt, mayCall: mayCall)
  }

  private func tokens(_ text: String) throws -> [Int32] {
    try tokenizer.encode(text, parsingSpecialTokens: true, addingSpecialTokens: false)
  }

  private func allows(_ answer: ConstrainedAnswer, _ text: String) throws -> Bool {
    guard case .some(let mask, _) = answer.next() else { return true }
    return mask.contains(try #require(try tokens(text).first))
  }

  @Test func contentIsHeldAtOnce() throws {
    var answer = ConstrainedAnswer(number, for: vocabulary, tokenizer: tokenizer)
    #expect(try allows(answer, "4") && !allows(answer, "x"))
    for token in try tokens("42") { answer.accept(token) }
    guard case .some(_, let mayEnd) = answer.next() else { return #expect(Bool(false)) }
    #expect(mayEnd)
  }

  @Test func reasoningOfThePromptIsFreeAndDoesNotEnd() throws {
    var answer = answer(prompt: "Q<think>\n")
    for token in try tokens("anything {x} at all") {
      guard case .anyButEnds = answer.next() else { return #expect(Bool(false)) }
      answer.accept(token)
    }
    for token in try tokens("</think>") { answer.accept(token) }
    #expect(try allows(answer, "4") && !allows(answer, "x"))
  }

  @Test func theModelMayOpenReasoning() throws {
    var answer = answer(prompt: "Q")
    #expect(try allows(answer, "4") && allows(answer, "<think>") && !allows(answer, "x"))
    for token in try tokens("<think>") { answer.accept(token) }
    guard case .anyButEnds = answer.next() else { return #expect(Bool(false)) }
    for token in try tokens("hm</think>\n7") { answer.accept(token) }
    guard case .some(_, let mayEnd) = answer.next() else { return #expect(Bool(false)) }
    #expect(mayEnd)
  }

  @Test func behindClosedReasoningThereIsNone() throws {
    let answer = answer(prompt: "Q<think>\n\n</think>\n\n")
    #expect(try allows(answer, "4") && !allows(answer, "<think>"))
  }

  @Test func callsAreFreeWhereThereMayBeSome() throws {
    #expect(try !allows(answer(), "<tool_call>"))
    var answer = answer(mayCall: true)
    #expect(try allows(answer, "<tool_call>") && allows(answer, "4"))
    for token in try tokens("<tool_call>") { answer.accept(token) }
    guard case .any = answer.next() else { return #expect(Bool(false)) }
  }
}
