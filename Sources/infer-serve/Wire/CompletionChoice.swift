import InferCore

/// One choice of a text completion while it is generated.
struct CompletionChoice {
  /// What a step of the choice adds to it.
  struct Delta: Equatable {
    var text: String
    /// The object `logprobs`; nil when none was asked for.
    var logprobs: JSONValue?
  }

  /// Which of the request's prompts it continues.
  let prompt: Int
  /// The text so far, after what is echoed of the prompt.
  private(set) var text: String
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?

  private var tokens: [GeneratedToken] = []
  /// Unicode scalars of the text before the next token's.
  private var offset = 0
  /// What is echoed and has not been in a delta.
  private var pendingEcho: String
  private let format: LogprobsFormat?

  /// A continuation of the request's prompt number `prompt`, with log-probabilities if there is a `format`.
  init(prompt: Int, echo: String, format: LogprobsFormat?) {
    self.prompt = prompt
    text = echo
    pendingEcho = echo
    self.format = format
  }

  /// Takes the next piece of text.
  mutating func append(_ piece: TextPiece) -> Delta {
    text += piece.text
    let added = pendingEcho + piece.text
    pendingEcho = ""
    guard let format else { return Delta(text: added) }
    let tokens = piece.tokens.filter { !$0.isStop }
    self.tokens += tokens
    return Delta(text: added, logprobs: tokens.isEmpty ? nil : format.completion(tokens, offset: &offset))
  }

  /// Takes the end and returns what was held back.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) -> Delta? {
    finishReason = reason
    self.statistics = statistics
    defer { pendingEcho = "" }
    return pendingEcho.isEmpty ? nil : Delta(text: pendingEcho)
  }

  /// The log-probabilities of all tokens; nil when none were asked for.
  var logprobs: JSONValue? {
    guard let format else { return nil }
    var offset = 0
    return format.completion(tokens, offset: &offset)
  }
}
