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
      let (tokens, text) = try tokens(prompt, index, echo: request.echo, served)
      for choice in 0..<request.choices {
        requests.append(
          GenerationRequest(prompt: tokens, sampling: request.sampling.choice(choice), stop: request.stop))
        choices.append(CompletionChoice(prompt: index, echo: text, format: format))
      }
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
    _ prompt: CompletionRequest.Prompt, _ index: Int, echo: Bool, _ served: ServedModel
  ) throws(APIError) -> (tokens: [Int32], echo: String) {
    switch prompt {
    case .tokens(let ids):
      return (ids, echo ? served.tokenizer.decode(ids) : "")
    case .text(let text):
      do {
        return (try served.tokenizer.encode(text, addingSpecialTokens: true), echo ? text : "")
      } catch {
        throw .invalid("prompt", "Prompt \(index) cannot be tokenised: \(error)", code: "tokenization_failed")
      }
    }
  }
}
