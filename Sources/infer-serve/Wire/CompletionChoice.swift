import InferCore
import InferText

/// One choice of a text completion while it is generated.
struct CompletionChoice {
  /// The news of the choice.
  struct Delta: Equatable {
    var text: String
    /// The object `logprobs`; nil when there is none.
    var logprobs: JSONValue?
  }

  /// Which of the request's prompts it continues.
  let prompt: Int
  /// The text that has not been taken, the echoed prompt first.
  private(set) var text: String
  private var takenText = ""
  private(set) var finishReason: FinishReason?
  private(set) var statistics: GenerationStatistics?
  /// The sum of its tokens' log-probabilities, as far as they are known.
  private(set) var logprobSum = 0.0

  private let echoes: Bool
  private var tokenLogprobs: CompletionLogprobs?
  private var promptLogprobs: PromptLogprobs?

  /// A continuation of the request's prompt number `prompt`, which stands before it if it is echoed.
  init(
    prompt: Int, echo: EchoedPrompt? = nil, logprobs: CompletionLogprobs? = nil, promptLogprobs: PromptLogprobs? = nil
  ) {
    self.prompt = prompt
    text = echo?.text ?? ""
    tokenLogprobs = logprobs
    if let echo { tokenLogprobs?.append(echo) }
    echoes = echo != nil
    self.promptLogprobs = promptLogprobs
  }

  /// Takes scores of the prompt's next tokens.
  mutating func append(_ scores: [PromptTokenScore]) {
    if echoes { tokenLogprobs?.append(scores) }
    promptLogprobs?.append(scores)
  }

  /// Takes the next piece of text.
  mutating func append(_ piece: TextPiece) {
    text += piece.text
    tokenLogprobs?.append(piece.tokens)
    for token in piece.tokens { logprobSum += Double(token.logprobs?.chosen ?? 0) }
  }

  /// Takes the end.
  mutating func finish(_ reason: FinishReason, _ statistics: GenerationStatistics) {
    finishReason = reason
    self.statistics = statistics
  }

  /// The news since the last time; nil when there is nothing to tell.
  mutating func take() -> Delta? {
    let logprobs = tokenLogprobs?.take()
    // A piece without text still has tokens to tell when log-probabilities are wanted.
    guard !text.isEmpty || logprobs != nil else { return nil }
    defer {
      takenText += text
      text = ""
    }
    return Delta(text: text, logprobs: logprobs)
  }

  /// All that has come and has not been taken.
  var whole: Delta { Delta(text: text, logprobs: tokenLogprobs?.json) }

  /// The choice so far, with the echoed prompt.
  var transcript: ChoiceTranscript {
    ChoiceTranscript(content: takenText + text, finishReason: finishReason?.rawValue)
  }

  /// The member `prompt_logprobs`; nil when none was asked for.
  var promptLogprobsJSON: JSONValue? { promptLogprobs?.json }
}
