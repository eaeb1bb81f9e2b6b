import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// `POST /tokenize`, `POST /detokenize` and `GET /tokenizer_info`: the model's tokenizer, in vLLM's form.
struct Tokenization: Sendable {
  let service: GenerationService

  /// The tokens of a text, or of a conversation as the chat template renders it.
  func tokenize(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let request = try TokenizeRequest(reader, defaults: served.model.generation)
      let tokens: [Int32] =
        switch request.source {
        case .text(let text, let field, let addsSpecialTokens):
          try served.encode(text, field: field, addingSpecialTokens: addsSpecialTokens)
        case .chat(let chat): try served.encode(EncodedChat.prompt(chat, served), field: "messages").ids
        }
      let strings: JSONValue =
        request.returnsStrings ? .array(tokens.map { .string(served.tokenizer.token(for: $0) ?? "") }) : .null
      return [
        "count": .integer(tokens.count), "max_model_len": .integer(served.engine.limits.contextLength),
        "tokens": .array(tokens.map { .integer(Int($0)) }), "token_strs": strings,
      ]
    }
  }

  /// The text of tokens, names of special ones included; `prompt` for vLLM's clients, `content` for llama-server's.
  func detokenize(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let ids = try DetokenizeRequest(reader).tokens
      let size = served.engine.limits.vocabularySize
      if let position = ids.firstIndex(where: { $0 >= size }) {
        throw .invalid(
          "tokens[\(position)]", "tokens[\(position)] is \(ids[position]), outside 0 ..< \(size).",
          code: "token_out_of_range")
      }
      let text = JSONValue.string(served.tokenizer.decode(ids))
      return ["prompt": text, "content": text]
    }
  }

  /// `POST /apply-template`: a conversation as the model reads it, in llama-server's form.
  func applyTemplate(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let request = try ChatRequest(reader, defaults: served.model.generation)
      return ["prompt": .string(try EncodedChat.prompt(request, served).text)]
    }
  }

  /// `POST /v1/chat/completions/render`: the tokens of a chat request's prompt, in the form of vLLM's renderer, which
  /// routers ask.
  func renderChat(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let request = try ChatRequest(reader, defaults: served.model.generation)
      let prompt = try served.encode(EncodedChat.prompt(request, served), field: "messages")
      return Self.rendered(prompt.ids, served)
    }
  }

  /// `POST /v1/completions/render`: the tokens of each of a request's prompts.
  func renderCompletion(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let request = try CompletionRequest(reader, defaults: served.model.generation)
      guard request.suffix == nil else {
        throw .unsupported("suffix", "The prompt of a request with a suffix is not told; /infill completes it.")
      }
      var prompts: [JSONValue] = []
      for prompt in request.prompts {
        prompts.append(Self.rendered(try Completions.read(prompt, request, served).tokens, served))
      }
      return .array(prompts)
    }
  }

  private static func rendered(_ tokens: [Int32], _ served: ServedModel) -> JSONValue {
    ["model": .string(served.name), "token_ids": .array(tokens.map { .integer(Int($0)) })]
  }

  /// A description of the tokenizer: names of special tokens, and the chat template.
  func info(_ request: Request, _ context: ServeContext) async throws -> Response {
    let served = try await service.state.model(named: request.modelName, for: context.grant)
    func name(_ token: String?) -> JSONValue { token.map(JSONValue.string) ?? .null }
    return .json([
      "tokenizer_class": .string(served.tokenizer.algorithm),
      "vocab_size": .integer(served.tokenizer.vocabularySize),
      "model_max_length": .integer(served.engine.limits.contextLength),
      "bos_token": name(served.tokenizer.bosToken), "eos_token": name(served.tokenizer.eosToken),
      "pad_token": name(served.tokenizer.padToken), "chat_template": name(served.model.chatTemplate?.source),
    ])
  }
}
