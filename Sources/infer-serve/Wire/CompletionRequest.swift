import HybridBlocks
import InferCore
import InferText

/// The body of `POST /v1/completions`.
struct CompletionRequest {
  /// One prompt: text to be tokenised, or the tokens themselves.
  enum Prompt: Equatable {
    case text(String)
    case tokens([Int32])
  }

  /// The prompts, in order; choices are numbered prompt by prompt.
  var prompts: [Prompt]
  /// The text behind the gap that each prompt, a text, stands before; `nil` where there is no gap.
  var suffix: String?
  /// Sampling, and the end of it.
  var sampling: SamplingParameters
  var stop: StopConditions
  /// The language that each continuation must be in.
  var constraint: ConstraintField?
  /// Continuations wanted of each prompt.
  var choices: Int
  /// Continuations made of each prompt, of which the most likely ones are told.
  var bestOf: Int
  /// `true` when the prompt stands before each continuation.
  var echo: Bool
  /// Log-probabilities wanted of each token that is told: nil for none, else the number of most likely tokens beside.
  var logprobs: Int?
  /// The same of each token of the prompt, told apart from the text.
  var promptLogprobs: Int?
  /// `true` when tokens are called by their numbers.
  var numbersTokens: Bool
  /// `true` when a prompt gets the special tokens that the tokenizer puts around a text.
  var addsSpecialTokens: Bool
  var streaming: StreamingOptions?
  var scheduling: SchedulingFields
  /// The treatment of prompts that do not fit the context; `nil` for the server's.
  var overflow: Overflow?
  /// The first tokens that a prompt keeps when it is shortened, beside the one that marks its beginning; `nil` for all.
  var keptTokens: Int?
  /// The session that it belongs to.
  var session: SessionName?
  /// `true` when special tokens of the continuation have no text.
  var skipsSpecialTokens: Bool

  /// Tokens generated when the request names no number, as the API has it.
  static let defaultMaxTokens = 16

  /// Decodes a body; `defaults` fill what it leaves out.
  init(_ body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = try RequestFields.completions.resolve(body)
    prompts = try Self.prompts(reader)
    suffix = try reader.string("suffix").flatMap { $0.isEmpty ? nil : $0 }
    let fields = SamplingFields(reader: reader, defaults: defaults)
    logprobs = try reader.integer("logprobs")
    promptLogprobs = try fields.promptLogprobs()
    constraint = try ConstraintField(reader)
    choices = try reader.integer("n") ?? 1
    bestOf = try reader.integer("best_of") ?? choices
    guard bestOf >= choices else {
      throw reader.wrongValue("best_of", "must be at least n (\(choices)), not \(bestOf)")
    }
    // The most likely choices are known by their log-probabilities.
    sampling = try fields.sampling(logprobs: logprobs ?? (bestOf > choices ? 0 : nil))
    stop = try fields.stop(maxTokens: fields.maxTokens("max_tokens"))
    echo = try reader.bool("echo") ?? false
    numbersTokens = try reader.bool("return_tokens_as_token_ids") ?? false
    addsSpecialTokens = try reader.bool("add_special_tokens") ?? true
    streaming = try StreamingOptions(reader)
    scheduling = try SchedulingFields(reader)
    overflow = try Overflow(reader)
    let kept = try reader.integer("n_keep") ?? 0
    keptTokens = kept == -1 ? nil : kept
    session = try SessionFields.session(reader, in: scheduling.cacheScope)
    skipsSpecialTokens = try reader.bool("skip_special_tokens") ?? true
    if suffix != nil { try checkGap(reader) }
    guard streaming != nil else { return }
    if bestOf > choices {
      throw reader.wrongValue("best_of", "above n cannot be streamed: the best is known at the end")
    }
    if promptLogprobs != nil { throw reader.wrongValue("prompt_logprobs", "cannot be streamed") }
  }

  private func checkGap(_ reader: FieldReader) throws(APIError) {
    if echo { throw reader.wrongValue("echo", "cannot be true where a suffix follows") }
    guard prompts.allSatisfy({ if case .text = $0 { true } else { false } }) else {
      throw reader.wrongValue("suffix", "needs a prompt of text, not of token ids")
    }
  }

  /// Log-probabilities that the engine has to report of the prompt's tokens.
  var scoredLogprobs: Int? {
    let wanted = [echo ? logprobs : nil, promptLogprobs].compactMap { $0 }
    return wanted.max()
  }

  private static func prompts(_ reader: FieldReader) throws(APIError) -> [Prompt] {
    guard let value = reader["prompt"] else { throw reader.missing("prompt") }
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
