import HTTPTypes
import HummingbirdCore
import InferCore
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
    (.invalid(field: "top_p", reason: "must be above 0"), 400, "invalid_value", "top_p"),
    (.emptyPrompt, 400, "empty_prompt", "prompt"),
    (.tokenOutOfRange(token: 512, position: 3, vocabularySize: 512), 400, "token_out_of_range", "prompt"),
    (.promptTooLong(tokens: 3000, limit: 2047), 400, "context_length_exceeded", "prompt"),
    (.neverFits(tokens: 3000, limit: 2048), 400, "context_length_exceeded", "max_tokens"),
    (.queueFull(limit: 8), 429, "queue_full", nil),
    (.draining, 503, "draining", nil),
  ]

  @Test(arguments: refusals)
  func theEnginesRefusalsHaveTheirStatus(error: RequestError, status: Int, code: String, field: String?) {
    let refusal = APIError(error)
    #expect(refusal.status == status && refusal.code == code && refusal.parameter == field)
    let mayRetry = status == 429 || status == 503
    #expect((refusal.response.headers[.retryAfter] != nil) == mayRetry)
    #expect(refusal.response.status.code == status)
  }

  @Test func chatsNameTheirOwnField() {
    #expect(APIError(.emptyPrompt).renamingPrompt(to: "messages").parameter == "messages")
    #expect(APIError(.neverFits(tokens: 9, limit: 4)).renamingPrompt(to: "messages").parameter == "max_tokens")
  }

  @Test func wrongMethodsLearnTheRightOnes() {
    let response = APIError.methodNotAllowed("PUT", "/health", allow: "GET, HEAD").response
    #expect(response.status.code == 405 && response.headers[.allow] == "GET, HEAD")
  }
}
