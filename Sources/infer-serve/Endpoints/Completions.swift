import Foundation
import Hummingbird
import HybridBlocks
import InferCore

/// `POST /v1/completions`
struct Completions: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context, decode: Self.decode)
  }

  private static func decode(
    _ reader: FieldReader, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<CompletionResponse> {
    let request = try CompletionRequest(reader, defaults: served.model.generation)
    try served.check(choices: request.prompts.count * request.choices)
    let format = request.sampling.logprobs == nil ? nil : LogprobsFormat(tokenizer: served.tokenizer)
    var requests: [GenerationRequest] = []
    var choices: [CompletionChoice] = []
    for (index, prompt) in request.prompts.enumerated() {
      let (tokens, text) = try tokens(prompt, echo: request.echo, served)
      requests += try served.requests(
        request.choices, prompt: tokens, request.sampling, request.stop, length: CompletionRequest.defaultMaxTokens)
      choices += Array(
        repeating: CompletionChoice(prompt: index, echo: text, format: format), count: request.choices)
    }
    let head = ResponseHead(
      id: Identifier.make("cmpl"), created: Int(Date().timeIntervalSince1970), model: served.model.name,
      announcesUsage: request.streaming?.includesUsage ?? false)
    return GenerationJob(
      requests: requests, builder: CompletionResponse(head: head, choices: choices), streaming: request.streaming,
      promptField: "prompt")
  }

  /// A prompt's tokens, and its text if that is to be echoed.
  private static func tokens(
    _ prompt: CompletionRequest.Prompt, echo: Bool, _ served: ServedModel
  ) throws(APIError) -> (tokens: [Int32], echo: String) {
    switch prompt {
    case .tokens(let ids):
      return (ids, echo ? served.tokenizer.decode(ids) : "")
    case .text(let text):
      return (try served.encode(text, field: "prompt", addingSpecialTokens: true), echo ? text : "")
    }
  }
}
