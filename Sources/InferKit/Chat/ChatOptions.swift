/// The way in which a ``ChatSession`` answers.
public struct ChatOptions: Sendable {
  /// The way in which tokens are chosen; `nil` for the recommendation of the model's files.
  public var sampling: SamplingParameters?
  /// Changes of the logits from which tokens are chosen, in the order in which they act; each answer has its own copies. The
  /// constraint of a schema or of tools acts behind them.
  public var processors: [any LogitsProcessor] = []
  /// The conditions that end an answer. Without a length of their own, that of the model's files counts. Stop strings are
  /// looked for in the text, and not in reasoning and calls.
  public var stop = StopConditions.standard
  /// More names for the chat template: `enable_thinking`, `reasoning_effort`, … It is told of the schema of an answer as
  /// `response_format`.
  public var templateVariables: JSONObject = [:]
  /// The maximum number of answers in a row that call tools, before an answer has to do without.
  public var maxToolRounds = 8
  /// The requests that share cached prefixes with the session's; `nil` for none.
  public var cacheScope: CacheScope? = .shared
  /// The adapter that answers have, by the name that `LoadOptions.adapters` gave it; `nil` for the model alone.
  public var adapter: String?
  /// The urgency; see `GenerationRequest/priority`.
  public var priority = 0

  /// The recommendations of the model's files.
  public init() {}
}

/// An event of an answer under way.
public enum ChatEvent: Sendable, Equatable {
  /// A part of the reasoning.
  case reasoning(String)
  /// A part of the answer.
  case content(String)
  /// A call of a tool, which is made next.
  case toolCall(ToolCall)
  /// The result of a call, as the model is told it.
  case toolResult(ToolCall, String)
  /// The whole answer; nothing follows.
  case finished(ChatResponse)
}

/// An answer.
public struct ChatResponse: Sendable, Equatable {
  /// The text.
  public let content: String
  /// The reasoning before the text; `nil` for none.
  public let reasoning: String?
  /// The reason of the end: `FinishReason/stop`, or `FinishReason/length` for an answer that was cut off.
  public let finishReason: FinishReason
  /// The cost of the answer, without those that called tools.
  public let statistics: GenerationStatistics
}
