internal import Foundation
public import InferText

/// The reason for which a request is refused, with the fault and the expectation.
public enum RequestError: DescribedError, Equatable {
  /// A property has a value outside its range; the reason says what was expected.
  case invalid(Property, reason: String)
  /// There is no prompt token to start from.
  case emptyPrompt
  /// The prompt holds a token id that the model does not have.
  case tokenOutOfRange(token: Int32, position: Int, vocabularySize: Int)
  /// The prompt alone leaves no room for a single generated token: it may have `limit` tokens.
  case promptTooLong(tokens: Int, limit: Int)
  /// The request asks for tokens or their probabilities, and the model has no head: see ``LanguageModel/hasHead``.
  case noHead
  /// The engine has as many unfinished requests as it takes on, `limit`; room is expected after a time.
  case queueFull(limit: Int, retryAfter: Duration)
  /// The prompts of the requests that wait have as many tokens as may wait, `limit`; room is expected after a time.
  case queueTokensFull(limit: Int, retryAfter: Duration)
  /// The engine finishes its requests and takes no new ones.
  case draining
}

extension RequestError {
  /// One line for people.
  public var description: String {
    switch self {
    case .invalid(let property, let reason): "\(property.rawValue) \(reason)"
    case .emptyPrompt: "the prompt is empty; at least one token is needed"
    case .tokenOutOfRange(let token, let position, let vocabularySize):
      "token \(token) at position \(position) of the prompt is outside 0 ..< \(vocabularySize)"
    case .promptTooLong(let tokens, let limit):
      "the prompt has \(tokens) tokens; at most \(limit) leave room for an answer"
    case .noHead: "the model has no head: it embeds and scores texts, and generates none"
    case .queueFull(let limit, _): "\(limit) requests are unfinished already; try again later"
    case .queueTokensFull(let limit, _):
      "requests with about \(limit) prompt tokens are waiting already; try again later"
    case .draining: "the engine is shutting down and takes no new requests"
    }
  }

  /// The property at fault, when one of the request's is.
  public var property: Property? {
    switch self {
    case .invalid(let property, _): property
    case .emptyPrompt, .tokenOutOfRange, .promptTooLong: .prompt
    case .noHead, .queueFull, .queueTokensFull, .draining: nil
    }
  }

  /// A part of a ``GenerationRequest`` that an error can be about. Raw values are paths of Swift properties.
  public enum Property: String, Sendable, CaseIterable {
    /// ``GenerationRequest/prompt``
    case prompt
    /// ``GenerationRequest/promptLogprobs``
    case promptLogprobs
    /// ``GenerationRequest/pooling``
    case pooling
    /// ``GenerationRequest/priority``
    case priority
    /// ``GenerationRequest/adapter``
    case adapter
    /// The number of requests that are submitted together.
    case requests
    /// ``SamplingParameters/temperature``
    case temperature = "sampling.temperature"
    /// ``SamplingParameters/topK``
    case topK = "sampling.topK"
    /// ``SamplingParameters/topP``
    case topP = "sampling.topP"
    /// ``SamplingParameters/minP``
    case minP = "sampling.minP"
    /// ``SamplingParameters/repetitionPenalty``
    case repetitionPenalty = "sampling.repetitionPenalty"
    /// ``SamplingParameters/presencePenalty``
    case presencePenalty = "sampling.presencePenalty"
    /// ``SamplingParameters/frequencyPenalty``
    case frequencyPenalty = "sampling.frequencyPenalty"
    /// ``SamplingParameters/logitBias``
    case logitBias = "sampling.logitBias"
    /// ``SamplingParameters/logprobs``
    case logprobs = "sampling.logprobs"
    /// ``StopConditions/maxTokens``
    case maxTokens = "stop.maxTokens"
    /// ``StopConditions/minTokens``
    case minTokens = "stop.minTokens"
    /// ``StopConditions/stopTokenIDs``
    case stopTokenIDs = "stop.stopTokenIDs"
    /// ``StopConditions/stopStrings``
    case stopStrings = "stop.stopStrings"
  }

  /// The value of the label `reason` in metrics.
  public var label: String {
    switch self {
    case .invalid: "invalid"
    case .emptyPrompt: "empty_prompt"
    case .tokenOutOfRange: "token_out_of_range"
    case .promptTooLong: "prompt_too_long"
    case .noHead: "no_head"
    case .queueFull: "queue_full"
    case .queueTokensFull: "queue_tokens_full"
    case .draining: "draining"
    }
  }

  /// All values of ``label``.
  public static let labels = [
    "invalid", "empty_prompt", "token_out_of_range", "prompt_too_long", "no_head", "queue_full",
    "queue_tokens_full", "draining",
  ]
}
