import InferCore
import InferText
import Testing

@testable import infer_serve

struct ResponsesResponseTests {
  private func response(_ options: ResponsesOutput.Options = ResponsesOutput.Options()) -> ResponsesResponse {
    let choice = ChatChoice(OutputParser(OutputFormat(template: ""), prompt: "", tools: nil))
    let head = ResponsesResponse.Head(id: ResponseID(), created: 1, model: "m", echo: [:], contextShift: nil)
    return ResponsesResponse(head: head, choice: choice, options)
  }

  private func kinds(_ events: [JSONValue]) -> [String] { events.compactMap { $0["type"]?.string } }

  @Test func aFailureEndsWhatHasBegun() throws {
    var response = response()
    let begun = response.append(piece("Some text "), to: 0)
    let held = response.finish(0, .cancelled, statistics())
    #expect(held.isEmpty)
    let end = response.fail(.timedOut(after: .seconds(1))) ?? []
    #expect(
      kinds(end) == [
        "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.failed",
      ])
    let numbers = (begun + end).map { $0["sequence_number"] }
    #expect(numbers == (0..<numbers.count).map { .integer($0) })
    let failed = try #require(end.last?["response"])
    #expect(failed["status"] == "failed" && failed["error"]?["code"] == "request_timeout")
    #expect(failed["output"]?[0]?["status"] == "incomplete" && failed["completed_at"] == .null)
    #expect(response.completion == failed)
  }

  @Test func aFailureBeforeAnythingHasAResponse() {
    var response = response()
    let events = response.fail(.notRead) ?? []
    #expect(kinds(events) == ["response.created", "response.in_progress", "response.failed"])
  }

  @Test func nothingGeneratedIsAResponseWithoutItems() {
    var response = response()
    let events = response.finish(0, .stop, statistics(generated: 0))
    #expect(kinds(events) == ["response.created", "response.in_progress", "response.completed"])
    #expect(response.completion["output"] == .array([]) && response.completion["status"] == "completed")
  }

  @Test func statesFollowTheEnd() {
    var response = response()
    #expect(response.queued["status"] == "queued" && response.completion["status"] == "in_progress")
    #expect(response.completion["usage"] == .null)
    _ = response.finish(0, .cancelled, statistics())
    #expect(response.completion["status"] == "cancelled")
  }

  @Test func sealedReasoningIsReadAgain() throws {
    let item: JSONValue = [
      "type": "reasoning", "encrypted_content": .string(ResponsesItems.sealed("思")), "summary": [],
    ]
    #expect(try ResponsesItems.reasoning(FieldReader(item)) == "思")
    let foreign: JSONValue = ["type": "reasoning", "encrypted_content": "gAAAA", "summary": [["text": "s"]]]
    #expect(try ResponsesItems.reasoning(FieldReader(foreign)) == "s")
  }
}
