import InferCore
import Testing

@testable import infer_serve

struct CompletionRequestTests {
  static let prompts: [(json: String, expected: [CompletionRequest.Prompt])] = [
    (#""Once""#, [.text("Once")]),
    (#"["Once", "upon"]"#, [.text("Once"), .text("upon")]),
    (#"[5, 17, 9]"#, [.tokens([5, 17, 9])]),
    (#"[[5, 17], [9]]"#, [.tokens([5, 17]), .tokens([9])]),
    (#"["Once", [9]]"#, [.text("Once"), .tokens([9])]),
    (#""""#, [.text("")]),
  ]

  @Test(arguments: prompts) func promptsComeInFourForms(json: String, expected: [CompletionRequest.Prompt]) throws {
    #expect(try completion(#"{"prompt": \#(json)}"#).prompts == expected)
  }

  @Test func defaultsAreTheAPIs() throws {
    let request = try completion(#"{"prompt": "x"}"#)
    #expect(request.stop.maxTokens == nil && request.choices == 1 && !request.echo && request.sampling.logprobs == nil)
  }

  @Test func logprobsIsANumber() throws {
    #expect(try completion(#"{"prompt": "x", "logprobs": 0}"#).sampling.logprobs == 0)
    #expect(try completion(#"{"prompt": "x", "logprobs": 5}"#).sampling.logprobs == 5)
  }

  @Test func promptsAreScoredForAnEchoAndOnRequest() throws {
    #expect(try completion(#"{"prompt": "x", "logprobs": 3}"#).scoredLogprobs == nil)
    #expect(try completion(#"{"prompt": "x", "echo": true}"#).scoredLogprobs == nil)
    #expect(try completion(#"{"prompt": "x", "echo": true, "logprobs": 0}"#).scoredLogprobs == 0)
    #expect(try completion(#"{"prompt": "x", "echo": true, "logprobs": 2, "prompt_logprobs": 5}"#).scoredLogprobs == 5)
    #expect(try completion(#"{"prompt": "x", "logprobs": 2, "prompt_logprobs": 1}"#).scoredLogprobs == 1)
    #expect(try completion(#"{"prompt": "x", "prompt_logprobs": false}"#).scoredLogprobs == nil)
  }

  @Test func theBestOfSeveralAreKnownByTheirLogprobs() throws {
    let request = try completion(#"{"prompt": "x", "n": 2, "best_of": 5}"#)
    #expect(request.choices == 2 && request.bestOf == 5 && request.logprobs == nil && request.sampling.logprobs == 0)
    #expect(try completion(#"{"prompt": "x", "n": 2, "best_of": 2, "stream": true}"#).sampling.logprobs == nil)
  }

  static let bad: [(json: String, field: String)] = [
    (#"{}"#, "prompt"),
    (#"{"prompt": []}"#, "prompt"),
    (#"{"prompt": {}}"#, "prompt"),
    (#"{"prompt": [1, "x"]}"#, "prompt[1]"),
    (#"{"prompt": ["x", 1]}"#, "prompt[1]"),
    (#"{"prompt": [1, -2]}"#, "prompt[1]"),
    (#"{"prompt": [1, 99999999999]}"#, "prompt[1]"),
    (#"{"prompt": [99999999999999999999]}"#, "prompt[0]"),
    (#"{"prompt": [[1, 2.5]]}"#, "prompt[0][1]"),
    (#"{"prompt": "x", "suffix": 5}"#, "suffix"),
    (#"{"prompt": [1, 2], "suffix": "y"}"#, "suffix"),
    (#"{"prompt": "x", "suffix": "y", "echo": true}"#, "echo"),
    (#"{"prompt": "x", "n": 3, "best_of": 2}"#, "best_of"),
    (#"{"prompt": "x", "best_of": 2, "stream": true}"#, "best_of"),
    (#"{"prompt": "x", "prompt_logprobs": 1, "stream": true}"#, "prompt_logprobs"),
    (#"{"prompt": "x", "prompt_logprobs": -1}"#, "prompt_logprobs"),
    (#"{"prompt": "x", "logprobs": true}"#, "logprobs"),
    (#"{"prompt": "x", "logprobs": 21}"#, "logprobs"),
    (#"{"prompt": "x", "echo": 1}"#, "echo"),
  ]

  @Test(arguments: bad) func refusalsNameTheField(json: String, field: String) {
    let error = refusal { () throws(APIError) in try completion(json) }
    #expect(error?.status == 400)
    #expect(error?.parameter == field)
  }
}

struct DefaultLengthTests {
  @Test func aDefaultFillsWhatARequestLeavesOutAndNeverMakesItImpossible() throws {
    func length(_ stop: StopConditions, default length: Int?, prompt: Int) throws -> Int? {
      try stop.defaultingLength(to: length, promptTokens: prompt, contextLength: 100).maxTokens
    }
    let free = try StopConditions(minTokens: 3, stopTokenIDs: [7], stopStrings: ["x"])
    #expect(try length(free, default: 16, prompt: 10) == 16)
    #expect(try length(free, default: 16, prompt: 90) == 10)
    #expect(try length(free, default: nil, prompt: 10) == nil)
    // Too long a prompt is the engine's to refuse.
    #expect(try length(free, default: 16, prompt: 200) == nil)
    // As are more tokens at least than there is room: it then names min_tokens.
    #expect(try length(StopConditions(minTokens: 91), default: 16, prompt: 10) == nil)
    #expect(try length(StopConditions(minTokens: 90), default: 16, prompt: 10) == 90)
    #expect(try length(StopConditions(maxTokens: 99), default: 16, prompt: 90) == 99)
    let filled = try free.defaultingLength(to: 16, promptTokens: 10, contextLength: 100)
    #expect(filled.minTokens == 3 && filled.stopTokenIDs == [7] && filled.stopStrings == ["x"])
  }
}
