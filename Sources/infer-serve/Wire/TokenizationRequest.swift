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
  init(_ body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = RequestFields.tokenize.bounded(body)
    let (content, prompt) = (try reader.string("content"), try reader.string("prompt"))
    let addsToContent = try reader.bool("add_special") ?? false
    returnsStrings = try reader.bool("return_token_strs") ?? false
    if reader["messages"] != nil {
      if try reader.bool("add_special_tokens") ?? false {
        throw .unsupported("add_special_tokens", "The special tokens of a conversation are the chat template's.")
      }
      source = .chat(try ChatRequest(body, defaults: defaults))
    } else {
      let addsToPrompt = try reader.bool("add_special_tokens") ?? true
      if let content {
        source = .text(content, field: "content", addingSpecialTokens: addsToContent)
      } else {
        guard let prompt else { throw reader.missing("prompt") }
        source = .text(prompt, field: "prompt", addingSpecialTokens: addsToPrompt)
      }
    }
  }
}

/// The body of `POST /detokenize`.
struct DetokenizeRequest: Sendable {
  /// The tokens; the vocabulary may lack some.
  let tokens: [Int32]

  /// Decodes a body.
  init(_ body: FieldReader) throws(APIError) {
    let reader = RequestFields.detokenize.bounded(body)
    guard let elements = try reader.array("tokens") else { throw reader.missing("tokens") }
    tokens = try reader.tokens(elements, "tokens")
  }
}
