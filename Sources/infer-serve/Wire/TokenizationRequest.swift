import HybridBlocks
import InferCore

/// The body of `POST /tokenize`, in vLLM's form or llama-server's.
struct TokenizeRequest: Sendable {
  /// The input that is to be tokenised.
  enum Source: Sendable {
    /// A text, which is in this field.
    case text(String, field: String, addingSpecialTokens: Bool)
    /// A conversation, as the chat template renders it.
    case chat(ChatRequest)
  }

  let source: Source
  /// Whether the tokens are told as strings too.
  let returnsStrings: Bool

  /// Decodes a body. The text is in `prompt` (vLLM) or `content` (llama-server, which adds special tokens only when
  /// asked).
  init(_ reader: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    returnsStrings = try reader.bool("return_token_strs") ?? false
    if reader["messages"] != nil {
      if try reader.bool("add_special_tokens") ?? false {
        throw .unsupported("add_special_tokens", "The special tokens of a conversation are the chat template's.")
      }
      source = .chat(try ChatRequest(reader, defaults: defaults))
    } else if let content = try reader.string("content") {
      source = .text(content, field: "content", addingSpecialTokens: try reader.bool("add_special") ?? false)
    } else {
      source = .text(
        try reader.required(string: "prompt"), field: "prompt",
        addingSpecialTokens: try reader.bool("add_special_tokens") ?? true)
    }
  }
}

/// The body of `POST /detokenize`.
struct DetokenizeRequest: Sendable {
  /// The tokens; the vocabulary may lack some.
  let tokens: [Int32]

  /// Decodes a body.
  init(_ reader: FieldReader) throws(APIError) {
    guard let elements = try reader.array("tokens") else { throw reader.missing("tokens") }
    tokens = try reader.tokens(elements, "tokens")
  }
}
