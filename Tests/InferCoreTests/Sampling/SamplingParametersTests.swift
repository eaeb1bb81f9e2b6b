import InferCore
import Testing

@Suite struct SamplingParametersTests {
  private func property(_ make: () throws(RequestError) -> some Any) -> RequestError.Property? {
    do {
      _ = try make()
      return nil
    } catch {
      return error.property
    }
  }

  @Test func absurdValuesAreRefusedByName() {
    typealias P = SamplingParameters
    for value: Float in [-0.1, 2.5, .nan, .infinity] {
      #expect(property { () throws(RequestError) in try P(temperature: value) } == .temperature)
    }
    for value: Float in [-2.1, 2.1, .nan, -.infinity] {
      #expect(property { () throws(RequestError) in try P(presencePenalty: value) } == .presencePenalty)
      #expect(property { () throws(RequestError) in try P(frequencyPenalty: value) } == .frequencyPenalty)
    }
    for value: Float in [-1, 1.01, .nan] {
      #expect(property { () throws(RequestError) in try P(topP: value) } == .topP)
    }
    for value: Float in [-0.5, 1.01, .nan] {
      #expect(property { () throws(RequestError) in try P(minP: value) } == .minP)
    }
    for value: Float in [0, -1, 11, .nan, .infinity] {
      #expect(property { () throws(RequestError) in try P(repetitionPenalty: value) } == .repetitionPenalty)
    }
    #expect(property { () throws(RequestError) in try P(topK: -2) } == .topK)
    #expect(property { () throws(RequestError) in try P(logitBias: [3: 101]) } == .logitBias)
    #expect(property { () throws(RequestError) in try P(logitBias: [3: .nan]) } == .logitBias)
    #expect(property { () throws(RequestError) in try P(logitBias: [-3: 1]) } == .logitBias)
    #expect(property { () throws(RequestError) in try P(logprobs: 21) } == .logprobs)
    #expect(property { () throws(RequestError) in try P(logprobs: -1) } == .logprobs)
  }

  @Test func limitsThemselvesAreAccepted() throws {
    _ = try SamplingParameters(
      temperature: 2, topK: -1, topP: 1, minP: 1, repetitionPenalty: 10, presencePenalty: -2, frequencyPenalty: 2,
      logitBias: [0: -100, 1: 100], seed: .max, logprobs: 20)
    #expect(try SamplingParameters(topK: -1).topK == 0)
    _ = try SamplingParameters(topP: 0)
  }

  @Test func absurdStopConditionsAreRefusedByName() {
    typealias S = StopConditions
    #expect(property { () throws(RequestError) in try S(maxTokens: -1) } == .maxTokens)
    #expect(property { () throws(RequestError) in try S(maxTokens: 0) } == nil)
    #expect(property { () throws(RequestError) in try S(minTokens: -1) } == .minTokens)
    #expect(property { () throws(RequestError) in try S(maxTokens: 3, minTokens: 4) } == .minTokens)
    #expect(property { () throws(RequestError) in try S(stopStrings: ["a", ""]) } == .stopStrings)
    #expect(
      property { () throws(RequestError) in try S(stopStrings: Array(repeating: "a", count: 65)) } == .stopStrings)
    #expect(property { () throws(RequestError) in try S(maxTokens: 4, minTokens: 4, stopStrings: ["a"]) } == nil)
  }
}
