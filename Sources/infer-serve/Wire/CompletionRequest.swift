import HybridBlocks
import InferCore

/// The body of `POST /v1/completions`.
struct CompletionRequest {
  /// One prompt: text to be tokenised, or the tokens themselves.
  enum Prompt: Equatable {
    case text(String)
    case tokens([Int32])
  }

  /// The prompts, in order; choices are numbered prompt by prompt.
  var prompts: [Prompt]
  /// What is sampled, and how long.
  var sampling: SamplingParameters
  var stop: StopConditions
  /// Continuations wanted of each prompt.
  var choices: Int
  /// Whether the prompt stands before each continuation.
  var echo: Bool
  var streaming: StreamingOptions?

  /// Tokens generated when the request names no number, as the API has it.
  static let defaultMaxTokens = 16

  /// Decodes a body; `defaults` fill what it leaves out.
  init(_ reader: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    try UnsupportedFields.check(reader)
    prompts = try Self.prompts(reader)
    let fields = SamplingFields(reader: reader, defaults: defaults)
    let logprobs = try reader.integer("logprobs", in: 0...SamplingFields.maximumLogprobs)
    sampling = try fields.sampling(logprobs: logprobs)
    let maximum = try reader.integer("max_tokens", in: 1 ... .max)
    stop = try fields.stop(maxTokens: maximum)
    choices = try reader.integer("n", in: 1...SamplingFields.maximumChoices) ?? 1
    echo = try reader.bool("echo") ?? false
    if echo, logprobs != nil {
      throw .unsupported("logprobs", "Log-probabilities of an echoed prompt are not supported.")
    }
    streaming = try StreamingOptions(reader)
  }

  private static func prompts(_ reader: FieldReader) throws(APIError) -> [Prompt] {
    guard let value = reader["prompt"] else {
      throw .invalid("prompt", "prompt is required.", code: "missing_required_parameter")
    }
    if let text = value.string { return [.text(text)] }
    guard let elements = value.array else {
      throw reader.wrongType("prompt", value, expected: "a string, an array of strings or an array of token ids")
    }
    guard let first = elements.first else {
      throw .invalid("prompt", "prompt must not be empty.", code: "invalid_value")
    }
    if first.double != nil { return [.tokens(try reader.tokens(elements, "prompt"))] }
    var prompts: [Prompt] = []
    for (index, element) in elements.enumerated() {
      let key = "prompt[\(index)]"
      if let text = element.string {
        prompts.append(.text(text))
      } else if let ids = element.array {
        prompts.append(.tokens(try reader.tokens(ids, key)))
      } else {
        throw reader.wrongType(key, element, expected: "a string or an array of token ids")
      }
    }
    return prompts
  }
}
