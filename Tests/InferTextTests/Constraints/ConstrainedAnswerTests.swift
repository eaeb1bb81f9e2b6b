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

  private func answer(prompt: String = "") -> ConstrainedAnswer {
    ConstrainedAnswer(number, for: vocabulary, tokenizer: tokenizer, format: format, prompt: prompt)
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
      guard case .anyBut([]) = answer.next() else { return #expect(Bool(false)) }
      answer.accept(token)
    }
    for token in try tokens("</think>") { answer.accept(token) }
    #expect(try allows(answer, "4") && !allows(answer, "x"))
  }

  @Test func theModelMayOpenReasoning() throws {
    var answer = answer(prompt: "Q")
    #expect(try allows(answer, "4") && allows(answer, "<think>") && !allows(answer, "x"))
    for token in try tokens("<think>") { answer.accept(token) }
    guard case .anyBut([]) = answer.next() else { return #expect(Bool(false)) }
    for token in try tokens("hm</think>\n7") { answer.accept(token) }
    guard case .some(_, let mayEnd) = answer.next() else { return #expect(Bool(false)) }
    #expect(mayEnd)
  }

  @Test func behindClosedReasoningThereIsNone() throws {
    let answer = answer(prompt: "Q<think>\n\n</think>\n\n")
    #expect(try allows(answer, "4") && !allows(answer, "<think>"))
  }

  /// Without a token for the mark, its text may be there where the template shows it or its format was named.
  @Test func modelsThatDoNotReasonAreNotLedThere() throws {
    let tokenizer = try Tokenizer(folder: TextFixtures.folder.appending(path: "tokenizers/sp_bpe"))
    #expect(tokenizer.id(for: "<think>") == nil)
    let vocabulary = MaskVocabulary(tokenizer)
    let number = try Constraint(schema: ["type": "integer"], for: vocabulary)
    let mark = try #require(tokenizer.id(for: "<0x3C>"))
    func mayReason(_ format: OutputFormat) -> Bool {
      let answer = ConstrainedAnswer(number, for: vocabulary, tokenizer: tokenizer, format: format, prompt: "Q")
      guard case .some(let mask, _) = answer.next() else { return true }
      return mask.contains(mark)
    }
    var plain = OutputFormat(template: "{{ messages }}")
    #expect(!mayReason(plain))
    #expect(mayReason(OutputFormat(template: "{{ messages }}{# <think:short> #}")))
    #expect(mayReason(OutputFormat(template: "{{ message.content.split('</think>')[-1] }}")))
    plain.reasoning = .think
    #expect(mayReason(plain))
  }

  /// Reasoning, and then content that is a number, or a call of the one function that there is.
  @Test func callsMayStandForContent() throws {
    #expect(try !allows(answer(), "<tool_call>"))
    let calls = CallRules(tools: [tool("add", ["a": ["type": "integer"]])])
    let constraint = try Constraint(
      content: .schema(["type": "integer"]), calls: calls, format: format, for: vocabulary)
    var answer = ConstrainedAnswer(
      constraint, for: vocabulary, tokenizer: tokenizer, format: format, prompt: "Q<think>\n")
    for token in try tokens("what <tool_call> is not</think>\n\n") { answer.accept(token) }
    #expect(try allows(answer, "<") && allows(answer, "4") && !allows(answer, "x"))
    for token in try tokens("<tool_call>\n{\"name\": \"") { answer.accept(token) }
    #expect(try allows(answer, "a") && !allows(answer, "s"))
    for token in try tokens("add\", \"arguments\": {\"a\": 1}}\n</tool_call>") { answer.accept(token) }
    guard case .some(let mask, let mayEnd) = answer.next() else { return #expect(Bool(false)) }
    #expect(try mayEnd && !mask.contains(try #require(try tokens("x").first)))
  }
}
