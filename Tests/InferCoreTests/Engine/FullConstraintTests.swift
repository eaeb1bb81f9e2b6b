import TestSupport
import Testing

@testable import InferCore
@testable import InferText

/// A constraint that finds more states than it may.
@Suite struct FullConstraintTests {
  @Test func isNamedAsTheReasonOfTheEnd() async throws {
    var automaton = ByteAutomaton(limit: 60)
    let start = try automaton.pool.match(#"[!-~]*[!-O][!-~]{100}"#)
    #expect(!automaton.pool.isFull)
    let tokenizer = try Tokenizer(folder: Fixtures.tokenizers[0])
    let tokens = (Int32(0)..<97).map { (id: $0, bytes: tokenizer.bytes(for: $0)) }
    let vocabulary = MaskVocabulary(size: 97, tokens.filter { $0.bytes.count == 1 })
    let constraint = Constraint(LanguageMachine(automaton, start: start), vocabulary)
    let engine = try Engine(model: HashModel(), configuration: smallConfiguration())
    var request = GenerationRequest(prompt: [1], sampling: .greedy, stop: try StopConditions(maxTokens: 90))
    request.constrain(by: ConstrainedAnswer(constraint, for: vocabulary, tokenizer: tokenizer))
    let free = GenerationRequest(prompt: [1, 2], sampling: .greedy, stop: try StopConditions(maxTokens: 120))
    let (full, other) = (try engine.submit(request), try engine.submit(free))
    let collected = await Collected(full)
    #expect(collected.reason == .constraintFull)
    // Who runs beside it goes on.
    let beside = await Collected(other)
    #expect(beside.reason == .length && beside.tokens == HashModel().greedy(after: [1, 2], count: 120))
    #expect(collected.tokens.count > 2)
  }
}
