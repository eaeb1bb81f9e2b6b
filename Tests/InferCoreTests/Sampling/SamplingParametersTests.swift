import InferCore
import Testing

@Suite struct SamplingParametersTests {
  private func field(_ make: () throws(RequestError) -> some Any) -> String? {
    do {
      _ = try make()
      return nil
    } catch {
      return error.field
    }
  }

  @Test func absurdValuesAreRefusedByName() {
    typealias P = SamplingParameters
    for value: Float in [-0.1, 2.5, .nan, .infinity] {
      #expect(field { () throws(RequestError) in try P(temperature: value) } == "temperature")
    }
    for value: Float in [-2.1, 2.1, .nan, -.infinity] {
      #expect(field { () throws(RequestError) in try P(presencePenalty: value) } == "presence_penalty")
      #expect(field { () throws(RequestError) in try P(frequencyPenalty: value) } == "frequency_penalty")
    }
    for value: Float in [-1, 1.01, .nan] {
      #expect(field { () throws(RequestError) in try P(topP: value) } == "top_p")
    }
    for value: Float in [-0.5, 1.01, .nan] {
      #expect(field { () throws(RequestError) in try P(minP: value) } == "min_p")
    }
    for value: Float in [0, -1, 11, .nan, .infinity] {
      #expect(field { () throws(RequestError) in try P(repetitionPenalty: value) } == "repetition_penalty")
    }
    #expect(field { () throws(RequestError) in try P(topK: -2) } == "top_k")
    #expect(field { () throws(RequestError) in try P(logitBias: [3: 101]) } == "logit_bias")
    #expect(field { () throws(RequestError) in try P(logitBias: [3: .nan]) } == "logit_bias")
    #expect(field { () throws(RequestError) in try P(logitBias: [-3: 1]) } == "logit_bias")
    #expect(field { () throws(RequestError) in try P(logprobs: 21) } == "top_logprobs")
    #expect(field { () throws(RequestError) in try P(logprobs: -1) } == "top_logprobs")
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
    #expect(field { () throws(RequestError) in try S(maxTokens: -1) } == "max_tokens")
    #expect(field { () throws(RequestError) in try S(maxTokens: 0) } == nil)
    #expect(field { () throws(RequestError) in try S(minTokens: -1) } == "min_tokens")
    #expect(field { () throws(RequestError) in try S(maxTokens: 3, minTokens: 4) } == "min_tokens")
    #expect(field { () throws(RequestError) in try S(stopStrings: ["a", ""]) } == "stop")
    #expect(field { () throws(RequestError) in try S(stopStrings: Array(repeating: "a", count: 65)) } == "stop")
    #expect(field { () throws(RequestError) in try S(maxTokens: 4, minTokens: 4, stopStrings: ["a"]) } == nil)
  }
}
