import Hummingbird
import HybridBlocks
import InferCore

/// `POST /tokenize`, `POST /detokenize` and `GET /tokenizer_info`: the model's tokenizer, in vLLM's form.
struct Tokenization: Sendable {
  let service: GenerationService

  /// The tokens of a text (`prompt`), or of a conversation as the chat template renders it (`messages`).
  ///
  /// llama-server's form is understood too: the text in `content`, to which special tokens are added with `add_special`.
  func tokenize(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      let tokens = try Self.tokens(reader, served)
      let strings: JSONValue? =
        try reader.bool("return_token_strs") ?? false
        ? .array(tokens.map { .string(served.tokenizer.token(for: $0) ?? "") }) : nil
      return [
        "count": .integer(tokens.count), "max_model_len": .integer(served.engine.limits.contextLength),
        "tokens": .array(tokens.map { .integer(Int($0)) }), "token_strs": strings ?? .null,
      ]
    }
  }

  private static func tokens(_ reader: FieldReader, _ served: ServedModel) throws(APIError) -> [Int32] {
    if reader["messages"] != nil {
      if try reader.bool("add_special_tokens") ?? false {
        throw .unsupported("add_special_tokens", "The special tokens of a conversation are the chat template's.")
      }
      return try served.encode(ChatCompletions.prompt(reader, served), field: "messages")
    }
    if let content = try reader.string("content") {
      return try served.encode(content, field: "content", addingSpecialTokens: try reader.bool("add_special") ?? false)
    }
    let prompt = try reader.required(string: "prompt")
    let adds = try reader.bool("add_special_tokens") ?? true
    return try served.encode(prompt, field: "prompt", addingSpecialTokens: adds)
  }

  /// The text of tokens, names of special ones included; `prompt` for vLLM's clients, `content` for llama-server's.
  func detokenize(_ request: Request, _ context: ServeContext) async throws -> Response {
    try await service.read(request, context) { reader, served throws(APIError) in
      guard let elements = try reader.array("tokens") else {
        throw .invalid("tokens", "tokens is required.", code: "missing_required_parameter")
      }
      let ids = try reader.tokens(elements, "tokens")
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

  /// What the tokenizer is: names of special tokens, and the chat template.
  func info(_ request: Request, _ context: ServeContext) throws -> Response {
    let served = try service.state.model()
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
