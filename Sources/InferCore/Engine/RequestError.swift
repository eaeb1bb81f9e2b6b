/// Why a request is refused. Every case says what was wrong and what was expected.
public enum RequestError: Error, Sendable, Equatable {
  /// A parameter has a value that makes no sense. `field` is its name in the OpenAI API (`top_p`).
  case invalid(field: String, reason: String)
  /// There is no prompt token to start from.
  case emptyPrompt
  /// The prompt holds a token id that the model does not have.
  case tokenOutOfRange(token: Int32, position: Int, vocabularySize: Int)
  /// The prompt alone leaves no room for a single generated token: it may have `limit` tokens.
  case promptTooLong(tokens: Int, limit: Int)
  /// As many requests are unfinished as the engine takes on; a later attempt may succeed.
  case queueFull(limit: Int)
  /// The engine is finishing what it has and takes nothing new.
  case draining
}

extension RequestError: CustomStringConvertible {
  /// One line for people.
  public var description: String {
    switch self {
    case .invalid(let field, let reason): "\(field): \(reason)"
    case .emptyPrompt: "prompt: is empty; at least one token is needed"
    case .tokenOutOfRange(let token, let position, let vocabularySize):
      "prompt: token \(token) at position \(position) is outside 0 ..< \(vocabularySize)"
    case .promptTooLong(let tokens, let limit):
      "prompt: has \(tokens) tokens; at most \(limit) leave room for an answer"
    case .queueFull(let limit): "\(limit) requests are unfinished already; try again later"
    case .draining: "the engine is shutting down and takes no new requests"
    }
  }

  /// The field of the OpenAI API that is at fault, when one is.
  public var field: String? {
    switch self {
    case .invalid(let field, _): field
    case .emptyPrompt, .tokenOutOfRange, .promptTooLong: "prompt"
    case .queueFull, .draining: nil
    }
  }

  /// The value of the label `reason` in metrics.
  public var label: String {
    switch self {
    case .invalid: "invalid"
    case .emptyPrompt: "empty_prompt"
    case .tokenOutOfRange: "token_out_of_range"
    case .promptTooLong: "prompt_too_long"
    case .queueFull: "queue_full"
    case .draining: "draining"
    }
  }

  /// All values of ``label``.
  public static let labels = [
    "invalid", "empty_prompt", "token_out_of_range", "prompt_too_long", "queue_full", "draining",
  ]
}
