import HTTPTypes
import HummingbirdCore
import HybridBlocks
import InferCore
import InferText
import Testing

@testable import infer_serve

struct APIErrorTests {
  @Test func theObjectHasFourMembers() {
    let error = APIError.invalid("top_p", "top_p must be above 0.", code: "invalid_value")
    #expect(
      error.json.serialized()
        == #"{"error":{"message":"top_p must be above 0.","type":"invalid_request_error","param":"top_p","#
        + #""code":"invalid_value"}}"#)
    #expect(
      APIError.failed("Oh.").json.serialized()
        == #"{"error":{"message":"Oh.","type":"server_error","param":null,"code":"internal_error"}}"#)
  }

  static let refusals: [(error: RequestError, status: Int, code: String, field: String?)] = [
    (.invalid(.topP, reason: "must be above 0"), 400, "invalid_value", "top_p"),
    (.emptyPrompt, 400, "empty_prompt", "prompt"),
    (.tokenOutOfRange(token: 512, position: 3, vocabularySize: 512), 400, "token_out_of_range", "prompt"),
    (.promptTooLong(tokens: 3000, limit: 2047), 400, "context_length_exceeded", "prompt"),
    (.noHead, 400, "no_head", nil),
    (.queueFull(limit: 8, retryAfter: .seconds(3)), 429, "queue_full", nil),
    (.queueTokensFull(limit: 8000, retryAfter: .milliseconds(3500)), 429, "queue_tokens_full", nil),
    (.draining, 503, "draining", nil),
  ]

  @Test(arguments: refusals)
  func theEnginesRefusalsHaveTheirStatus(error: RequestError, status: Int, code: String, field: String?) {
    let refusal = APIError(error)
    #expect(refusal.status == status && refusal.code == code && refusal.parameter == field)
    let mayRetry = status == 429 || status == 503
    #expect((refusal.response(in: .openAI).headers[.retryAfter] != nil) == mayRetry)
    #expect(refusal.response(in: .openAI).status.code == status)
  }

  /// A request that gives each property a value that makes no sense is told of the field that it gave it in.
  @Test(arguments: RequestError.Property.allCases) func propertiesAreNamedAsFields(property: RequestError.Property) {
    let wrong: [RequestError.Property: String] = [
      .temperature: "9", .topK: "-5", .topP: "7", .minP: "7", .repetitionPenalty: "-1", .presencePenalty: "7",
      .frequencyPenalty: "7", .logitBias: #"{"5": 999}"#, .minTokens: "-1", .maxTokens: "-7",
      .stopTokenIDs: "[-1]", .logprobs: "99", .requests: "0", .priority: "-1",
      .stopStrings: "[\(Array(repeating: #""a""#, count: 65).joined(separator: ","))]",
    ]
    // The engine judges prompts, which have a field in each endpoint. A model's name that leads to no adapter leads
    // nowhere.
    guard let value = wrong[property] else {
      #expect(
        property == .prompt && property.field == "prompt" || [.promptLogprobs, .pooling, .adapter].contains(property))
      return
    }
    let switchesOn = property == .logprobs ? #""logprobs": true, "# : ""
    let body = #"{\#(switchesOn)"messages": [{"role": "user", "content": "a"}], "\#(property.field)": \#(value)}"#
    do {
      _ = try ChatRequest(FieldReader(body: Array(body.utf8)), defaults: GenerationDefaults())
      Issue.record("\(body) is taken")
    } catch {
      #expect(error.parameter?.hasPrefix(property.field) == true, "\(error)")
      #expect(error.message.hasPrefix(property.field), "\(error)")
    }
  }

  @Test func chatsNameTheirOwnField() {
    #expect(APIError(.emptyPrompt, promptField: "messages").parameter == "messages")
    #expect(APIError(.invalid(.topP, reason: "is bad"), promptField: "messages").parameter == "top_p")
  }

  /// Clients find by these words that a conversation has to be made shorter, and read the numbers out of them.
  @Test func promptsThatLeaveNoRoomAreRefusedInTheWordsThatClientsKnow() {
    let error = RequestError.promptTooLong(tokens: 3000, limit: 2047)
    #expect(
      APIError(error, promptField: "messages", maxTokens: 100).message
        == "This model's maximum context length is 2048 tokens. However, you requested 3100 tokens (3000 in the "
        + "messages, 100 in the completion). Please reduce the length of the messages or completion.")
    for unlimited in [nil, Int.max] {
      #expect(
        APIError(error, maxTokens: unlimited).message
          == "This model's maximum context length is 2048 tokens. However, your prompt resulted in 3000 tokens. "
          + "Please reduce the length of the prompt.")
    }
    #expect(
      APIError(error, promptField: "messages").message.hasSuffix(
        "However, your messages resulted in 3000 tokens. Please reduce the length of the messages."))
  }

  @Test func wrongMethodsLearnTheRightOnes() {
    let response = APIError.methodNotAllowed("PUT", "/health", allow: "GET, HEAD").response(in: .openAI)
    #expect(response.status.code == 405 && response.headers[.allow] == "GET, HEAD")
  }

  /// A constraint that is too large is the request's fault: clients send again for a server's error.
  @Test func aConstraintThatBecomesTooLargeIsTheRequestsFault() {
    let limit = Duration.seconds(9)
    let error = APIError.end(.constraintFull, nil, limit: limit, constraintField: "response_format")
    #expect(error?.status == 400 && error?.type == "invalid_request_error" && error?.parameter == "response_format")
    #expect(error?.code == "constraint_too_large" && error?.message.hasPrefix("response_format is too large") == true)
    #expect(error?.message.contains("131072 states") == true)
    let anthropic = error?.json(in: .anthropic)["error"]
    #expect(anthropic?["type"] == "invalid_request_error" && anthropic?["message"]?.string == error?.message)
    #expect(error?.json(in: .ollama)["error"]?.string == error?.message)
    let deadEnd = APIError.end(.deadEnd, nil, limit: limit, constraintField: "guided_json")
    #expect(deadEnd?.status == 400 && deadEnd?.parameter == "guided_json" && deadEnd?.code == "constraint_dead_end")
    for reason in [FinishReason.error, .notFinite] {
      #expect(APIError.end(reason, nil, limit: limit, constraintField: "response_format")?.status == 500)
    }
    for complete in [FinishReason.stop, .length] {
      #expect(APIError.end(complete, .timedOut, limit: limit, constraintField: nil) == nil)
    }
    #expect(APIError.end(.cancelled, .timedOut, limit: limit, constraintField: nil) == .timedOut(after: limit))
  }
}
