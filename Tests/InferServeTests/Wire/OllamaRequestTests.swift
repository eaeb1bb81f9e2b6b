import InferCore
import InferText
import Testing

@testable import infer_serve

struct OllamaRequestTests {
  static let hello = ChatRequestTests.hello

  @Test func aConversationTakesTheFormOfTemplates() throws {
    let request = try ollamaChat(
      """
      {"messages": [
        {"role": "user", "content": "Weather?", "images": []},
        {"role": "assistant", "content": "", "thinking": "hm",
         "tool_calls": [{"function": {"index": 0, "name": "f", "arguments": {"n": 1.0}}}]},
        {"role": "tool", "content": "4", "tool_name": "f"}]}
      """)
    let expected: JSONValue = [
      ["role": "user", "content": "Weather?"],
      [
        "role": "assistant", "content": "", "reasoning_content": "hm",
        "tool_calls": [["type": "function", "function": ["name": "f", "arguments": ["n": 1.0]]]],
      ],
      ["role": "tool", "content": "4", "name": "f"],
    ]
    #expect(request.prompt == .conversation && request.chat.messages == expected)
  }

  @Test func optionsReachTheirParameters() throws {
    let request = try ollamaChat(
      """
      {\(Self.hello), "stream": false, "think": "high", "keep_alive": "5m", "logprobs": true, "top_logprobs": 3,
       "options": {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.1, "seed": 7, "num_predict": 9,
         "stop": ["a", "b"], "repeat_penalty": 1.1, "repeat_last_n": -1, "presence_penalty": 0.25,
         "frequency_penalty": 0.5, "num_ctx": 512, "num_thread": 3, "penalize_newline": true}}
      """
    ).chat
    let sampling = request.sampling
    #expect(sampling.temperature == 0.5 && sampling.topP == 0.9 && sampling.topK == 40 && sampling.minP == 0.1)
    #expect(sampling.seed == 7 && sampling.repetitionPenalty == 1.1 && sampling.presencePenalty == 0.25)
    #expect(sampling.frequencyPenalty == 0.5 && sampling.logprobs == 3)
    #expect(request.stop.stopStrings == ["a", "b"] && request.stop.maxTokens == 9)
    #expect(request.streaming == nil && request.contextLimit == 512)
    #expect(request.templateVariables["reasoning_effort"] == "high")
  }

  @Test func whatIsLeftOutIsAsWithOllama() throws {
    let request = try ollamaChat("{\(Self.hello)}").chat
    #expect(request.streaming == StreamingOptions() && request.overflow == .shift && request.stop.maxTokens == nil)
    #expect(request.templateVariables == [:] && request.contextLimit == nil)
    #expect(try ollamaChat(#"{\#(Self.hello), "truncate": false}"#).chat.overflow == .error)
    #expect(try ollamaChat(#"{\#(Self.hello), "think": false}"#).chat.templateVariables["enable_thinking"] == false)
    for count in [0, -1, -2] {
      #expect(try ollamaChat(#"{\#(Self.hello), "options": {"num_predict": \#(count)}}"#).chat.stop.maxTokens == .max)
    }
  }

  @Test func timesToStayAreGosDurations() throws {
    func time(_ text: String) throws -> StayTime? {
      try ollamaChat("{\(Self.hello), \"keep_alive\": \(text)}").stayTime
    }
    let expected: [(String, Double)] = [
      ("0", 0), ("90", 90), ("1.5", 1.5), (#""5m""#, 300), (#""1h30m""#, 5400), (#"".5s""#, 0.5), (#""1.5h""#, 5400),
      (#""300ms""#, 0.3), (#""2h45m30s""#, 9930), (#""0""#, 0), (#""+10s""#, 10), (#""60""#, 60), (#""1µs""#, 1e-6),
    ]
    for (text, seconds) in expected {
      guard case .time(let time)? = try time(text) else {
        Issue.record("\(text) is no time")
        continue
      }
      #expect(abs(time / .seconds(1) - seconds) < 1e-9, "\(text)")
    }
    for text in ["-1", "-0.5", #""-1m""#, #""-1""#, "1e300", #""999999999999h""#] {
      #expect(try time(text) == .forever)
    }
    #expect(try time("null") == nil && ollamaChat("{\(Self.hello)}").stayTime == nil)
    for text in [#""soon""#, #""5 m""#, #""""#, "true", "[]", #""1.2.3s""#, #""-""#, #""5mm""#, #"".s""#, #""1s5""#] {
      #expect(throws: APIError.self) { try time(text) }
    }
  }

  @Test func promptsAreOfSeveralKinds() throws {
    for empty in ["{}", #"{"messages": []}"#, #"{"messages": null, "keep_alive": 0}"#] {
      #expect(try ollamaChat(empty).prompt == .nothing)
    }
    #expect(try ollamaGenerate(#"{"prompt": "", "system": "x"}"#).prompt == .nothing)
    #expect(try ollamaGenerate(#"{"prompt": "x", "raw": true}"#).prompt == .text("x"))
    #expect(try ollamaGenerate(#"{"prompt": "x", "suffix": "y"}"#).prompt == .gap(prefix: "x", suffix: "y"))
    let request = try ollamaGenerate(#"{"prompt": "x", "system": "Be brief.", "suffix": "", "template": ""}"#)
    #expect(request.prompt == .conversation && request.chat.promptField == "prompt")
    #expect(
      request.chat.messages == [["role": "system", "content": "Be brief."], ["role": "user", "content": "x"]])
  }

  static let wrongChats: [(body: String, path: String)] = [
    (hello + #", "options": {"temperature": 7}"#, "options.temperature"),
    (hello + #", "options": {"num_predict": -3}"#, "options.num_predict"),
    (hello + #", "options": {"num_ctx": 0}"#, "options.num_ctx"),
    (hello + #", "options": {"mirostat": 2}"#, "options.mirostat"),
    (hello + #", "options": 5"#, "options"),
    (hello + #", "format": "xml""#, "format"),
    (hello + #", "format": [1]"#, "format"),
    (hello + #", "think": 5"#, "think"),
    (hello + #", "stream": "yes""#, "stream"),
    (hello + #", "tools": [{"type": "function", "function": {}}]"#, "tools[0].function.name"),
    (#""messages": [{"role": "user", "content": "x", "images": ["iVBORw0="]}]"#, "messages[0].images"),
    (#""messages": [{"role": "robot", "content": "x"}]"#, "messages[0].role"),
    (#""messages": [{"role": "user", "content": 5}]"#, "messages[0].content"),
    (#""messages": 5"#, "messages"),
  ]

  @Test(arguments: wrongChats) func whatIsWrongInAChatIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try ollamaChat("{\(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
    #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
  }

  static let wrongPrompts: [(body: String, path: String)] = [
    (#""prompt": 5"#, "prompt"),
    (#""prompt": "x", "images": ["iVBORw0="]"#, "images"),
    (#""prompt": "x", "context": [1, 2]"#, "context"),
    (#""prompt": "x", "template": "{{ .Prompt }}""#, "template"),
    (#""prompt": "x", "raw": true, "system": "y""#, "system"),
    (#""prompt": "x", "raw": true, "suffix": "y""#, "suffix"),
    (#""prompt": "x", "suffix": "y", "system": "z""#, "system"),
  ]

  @Test(arguments: wrongPrompts) func whatIsWrongInAPromptIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try ollamaGenerate("{\(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
    #expect(error?.message.contains(path) == true, "\(error?.message ?? "")")
  }

  /// Of all endpoints, since a message has the same form in all of them.
  @Test func imagesInMessagesAreRefusedByTheirPath() {
    let body = #"{"messages": [{"role": "user", "content": "x"}, {"role": "user", "content": "x", "images": ["a"]}]}"#
    #expect(refusal { () throws(APIError) in try chat(body) }?.parameter == "messages[1].images")
    #expect(refusal { () throws(APIError) in try chat(#"{\#(Self.hello), "images": []}"#) } == nil)
  }
}
