import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// llama-server's `POST /infill`, which editors fill gaps in files with
struct Infill: Sendable {
  let service: GenerationService

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.respond(request, context, decode: Self.decode)
  }

  private static func decode(
    _ reader: FieldReader, _ served: ServedModel
  ) throws(APIError) -> GenerationJob<InfillResponse> {
    let request = try InfillRequest(reader, defaults: served.model.generation)
    let prompt = FillInMiddlePrompt(
      prefix: (request.prefix, "input_prefix"), suffix: (request.suffix, "input_suffix"),
      opening: request.opening.isEmpty ? nil : (request.opening, "prompt"), files: request.files)
    let text = try PreparedText(request.chat, prompt, addsBeginning: request.addsSpecialTokens, served)
    return text.job(
      InfillResponse(
        model: served.name, prompt: served.tokenizer.decode(text.tokens), promptTokens: text.tokens.count,
        isTruncated: text.shift != nil, bounds: request.bounds, choice: text.choice()))
  }
}
