import Foundation
import InferText
import TestSupport
import Testing

/// Constraints that are kept for others.
@Suite struct ConstraintCacheTests {
  private let tokenizer: Tokenizer

  init() throws {
    let repository = TextFixtures.folder.deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    tokenizer = try Tokenizer(folder: repository.appending(path: "Models/tiny"))
  }

  /// Each text finds states of its own, more of them in the end than there may be: new constraints take the place of old ones.
  @Test func neverWearsOut() throws {
    let cache = ConstraintCache(tokenizer, OutputFormat(template: ""))
    let schema: JSONValue = ["type": "number", "multipleOf": 0.001, "minimum": 0, "maximum": 1e60]
    var random = SeededGenerator(seed: 1)
    for count in 1...3000 {
      var answer = try #require(try cache.answer(.schema(schema)))
      let number = "1" + (0..<50).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
      for token in try tokenizer.encode(number, parsingSpecialTokens: false, addingSpecialTokens: false) {
        answer.accept(token)
      }
      // One that is full refuses all that come.
      guard count % 1000 == 0 else { continue }
      guard case .some(_, mayEnd: true) = answer.next() else {
        Issue.record("\(number) is refused")
        return
      }
    }
  }

  @Test func answersAreHeldToWhatIsAskedForAlone() throws {
    let calls = CallRules(tools: [["type": "function", "function": ["name": "add", "parameters": [:]]]])
    let plain = ConstraintCache(tokenizer, OutputFormat(template: ""))
    // Where calls cannot be found, they cannot be held either.
    #expect(try plain.answer(nil) == nil && plain.answer(nil, calls: calls, prompt: "") == nil)
    #expect(try plain.answer(.choice(["a"]), calls: calls, prompt: "") != nil)
    for rules in [
      CallRules(tools: calls.tools, demand: .any), CallRules(tools: calls.tools, demand: .function("add")),
      CallRules(tools: calls.tools, texts: ["add": .regex("a")]),
    ] {
      let error = #expect(throws: ConstraintError.self) { try plain.answer(nil, calls: rules, prompt: "") }
      #expect(error?.part == (rules.demand == .none ? .calls : .demand))
    }
    let hermes = ConstraintCache(tokenizer, OutputFormat(template: "<tool_call>"))
    #expect(try hermes.answer(nil, prompt: "") == nil && hermes.answer(nil, calls: calls, prompt: "") != nil)
  }

  /// A text that can go on in thousands of places is refused before an answer is held to it, and so is what a first look
  /// does not show.
  @Test func workHasABound() throws {
    let cache = ConstraintCache(tokenizer, OutputFormat(template: ""))
    let error = #expect(throws: ConstraintError.self) {
      try cache.answer(.regex(String(repeating: "a?", count: 4000)))
    }
    #expect(error?.reason == "it is too large, or too much of it is optional")
    var answer = try #require(try cache.answer(.regex("b" + String(repeating: "a?", count: 4000))))
    for token in try tokenizer.encode("ba", parsingSpecialTokens: false, addingSpecialTokens: false) {
      answer.accept(token)
    }
    _ = answer.next()
    #expect(answer.isFull)
    // The next one is not the one that is full.
    let next = try #require(try cache.answer(.regex("b" + String(repeating: "a?", count: 4000))))
    #expect(!next.isFull)
  }

  @Test func complaintsAreNotKept() throws {
    let cache = ConstraintCache(tokenizer, OutputFormat(template: ""))
    for _ in 0..<2 { #expect(throws: ConstraintError.self) { try cache.answer(.regex("(")) } }
    #expect(throws: ConstraintError.self) { try cache.answer(.choice([String(repeating: "x", count: 2_000_000)])) }
  }
}
