import InferCore
import InferText

/// The responses of llama-server's `POST /infill`, in the form of its completions.
struct InfillResponse: ResponseBuilder {
  static let framing = StreamFraming.endlessEvents

  private let model: String
  private let prompt: String
  private let promptTokens: Int
  /// Whether a part of the prompt was left out.
  private let isTruncated: Bool
  private let bounds: InfillBounds
  private var choice: ChatChoice
  private var lines: IndentedText
  /// All of the text so far.
  private var text = ""
  private var tokens = 0
  private var start: ContinuousClock.Instant?
  /// Whether one of the bounds was met.
  private var isOver = false

  /// A response whose choice has not begun.
  init(
    model: String, prompt: String, promptTokens: Int, isTruncated: Bool, bounds: InfillBounds, choice: ChatChoice
  ) {
    self.model = model
    self.prompt = prompt
    self.promptTokens = promptTokens
    self.isTruncated = isTruncated
    self.bounds = bounds
    self.choice = choice
    lines = IndentedText(minimum: bounds.indentation)
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] {
    if isComplete(index) { return [] }
    let now = ContinuousClock.now
    let first = start ?? now
    start = first
    tokens += piece.tokens.count
    let event = take(choice.append(piece))
    let isLate = bounds.time.map { lines.hasLineBreak && now - first > $0 } ?? false
    isOver = isOver || lines.isOver || isLate
    return event
  }

  func isComplete(_ index: Int) -> Bool { isOver || choice.isComplete }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    let rest = take(choice.finish(reason, statistics), isLast: true)
    return rest + [last(content: "")]
  }

  var completion: JSONValue { last(content: text) }

  var usage: Usage { Usage(choice.statistics.map { [(prompt: 0, statistics: $0)] } ?? []) }

  var transcripts: [ChoiceTranscript] {
    [ChoiceTranscript(content: text, finishReason: choice.finishReasonName)]
  }

  func finishReason(of index: Int) -> FinishReason? { choice.finishReason }

  /// The event that tells of more text, if there is any.
  private mutating func take(_ deltas: [ChatChoice.Delta], isLast: Bool = false) -> [JSONValue] {
    guard !isOver else { return [] }
    var news = lines.append(deltas.compactMap(\.content).joined())
    if isLast { news += lines.finish() }
    guard !news.isEmpty else { return [] }
    text += news
    return [.object(members(content: news, isLast: false))]
  }

  private func members(content: String, isLast: Bool) -> JSONObject {
    [
      "index": 0, "content": .string(content), "tokens": [], "id_slot": -1, "stop": .bool(isLast),
      "tokens_predicted": .integer(choice.statistics?.generatedTokens ?? tokens),
      "tokens_evaluated": .integer(promptTokens),
    ]
  }

  private func last(content: String) -> JSONValue {
    let statistics = choice.statistics.map { [$0] } ?? []
    let stopString = isOver ? nil : choice.stopString
    let isLimit = isOver || choice.finishReason == .length
    var members = members(content: content, isLast: true)
    let rest: JSONObject = [
      "model": .string(model), "prompt": .string(prompt), "generation_settings": [:],
      "has_new_line": .bool(lines.hasLineBreak), "truncated": .bool(isTruncated),
      "stop_type": .string(stopString != nil ? "word" : isLimit ? "limit" : "eos"),
      "stopping_word": .string(stopString ?? ""),
      "tokens_cached": .integer(statistics.reduce(0) { $0 + $1.cachedTokens }), "timings": Timings(statistics).json,
    ]
    members.merge(rest)
    return .object(members)
  }
}
