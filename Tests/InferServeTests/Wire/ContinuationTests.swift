import InferCore
import InferText
import Testing

@testable import infer_serve

/// Answers that go on with the last message.
struct ContinuationTests {
  static let begun = #"[{"role": "user", "content": "x"}, {"role": "assistant", "content": "It is"}]"#

  @Test func theLastMessageIsContinuedWhereThatIsWanted() throws {
    func request(_ more: String) throws -> ChatRequest { try chat(#"{"messages": \#(Self.begun)\#(more)}"#) }
    let plain = try request("")
    #expect(!plain.continuesLastMessage && plain.addsGenerationPrompt)
    #expect(try request(#", "continue_final_message": true"#).continuesLastMessage)
    #expect(try request(#", "continue_final_message": true, "add_generation_prompt": false"#).continuesLastMessage)
    let closed = try request(#", "continue_final_message": false, "add_generation_prompt": false"#)
    #expect(!closed.continuesLastMessage && !closed.addsGenerationPrompt)
    for mark in ["prefix", "partial"] {
      let marked = #"[{"role": "user", "content": "x"}, {"role": "assistant", "content": "It", "\#(mark)": true}]"#
      #expect(try chat(#"{"messages": \#(marked)}"#).continuesLastMessage)
    }
    // Whoever spoke last.
    #expect(try chat(#"{\#(ChatRequestTests.hello), "continue_final_message": true}"#).continuesLastMessage)
  }

  @Test func ollamaContinuesAnAnswer() throws {
    #expect(try ollamaChat(#"{"messages": \#(Self.begun)}"#).chat.continuesLastMessage)
    #expect(try !ollamaChat("{\(ChatRequestTests.hello)}").chat.continuesLastMessage)
    let call = #"[{"role": "assistant", "content": "x", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}]"#
    #expect(try !ollamaChat(#"{"messages": \#(call)}"#).chat.continuesLastMessage)
  }

  static let wrong: [(body: String, path: String)] = [
    (
      #""messages": \#(begun), "continue_final_message": true, "add_generation_prompt": true"#, "continue_final_message"
    ),
    (#""messages": \#(begun), "continue_final_message": "yes""#, "continue_final_message"),
    (
      #""messages": [{"role": "assistant", "content": " "}], "continue_final_message": true"#, "messages[0].content"
    ),
    (
      #""messages": [{"role": "assistant", "content": "x", "function_call": {"name": "f"}}], "continue_final_message": true"#,
      "messages[0].tool_calls"
    ),
    (#""messages": [{"role": "user", "content": "x", "prefix": true}]"#, "messages[0].prefix"),
    (
      #""messages": [{"role": "assistant", "content": "x", "partial": true}, {"role": "user", "content": "y"}]"#,
      "messages[0].partial"
    ),
    (#""messages": [{"role": "assistant", "content": "x", "prefix": 1}]"#, "messages[0].prefix"),
  ]

  @Test(arguments: wrong) func whatIsWrongIsNamed(body: String, path: String) {
    let error = refusal { () throws(APIError) in try chat("{\(body)}") }
    #expect(error?.parameter == path && error?.status == 400, "\(body): \(error?.message ?? "taken")")
  }
}
