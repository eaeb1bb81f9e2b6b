import InferText

/// Reads the events of a streamed completion, with or without chat, and notes when its text came.
struct StreamedAnswer {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let start: Double
  private var first: Double?
  private var last: Double?
  private var gaps: [Double] = []
  private var text = ""
  private var usage = Counts()
  private var timings = Counts()
  private var isComplete = false

  /// - Parameter start: When the request was sent; all times are seconds of one clock.
  init(start: Double) { self.start = start }

  /// Takes the data of an event that came at `time`.
  mutating func take(_ data: [UInt8], at time: Double) throws(Failure) {
    if data.elementsEqual("[DONE]".utf8) {
      isComplete = true
      return
    }
    let event: JSONValue
    do { event = try JSONValue(parsing: data) } catch {
      throw Failure(description: "an event is no JSON: \(error.reason): \(TraceFile.quoted(data))")
    }
    if let error = event["error"], !error.isNull {
      throw Failure(description: ErrorBody.message(error) ?? error.serialized())
    }
    if let choice = event["choices"]?[0] {
      take(choice: choice, at: time)
    }
    if let counts = event["usage"] { usage.take(usage: counts) }
    if let counts = event["timings"] { timings.take(timings: counts) }
  }

  private mutating func take(choice: JSONValue, at time: Double) {
    if choice["finish_reason"]?.string != nil { isComplete = true }
    var isText = false
    if let piece = choice["text"]?.string ?? choice["delta"]?["content"]?.string {
      text += piece
      isText = !piece.isEmpty
    }
    if let delta = choice["delta"] {
      // Reasoning and calls of tools are tokens too, though no part of the answer that a history repeats.
      let reasoning = (delta["reasoning_content"] ?? delta["reasoning"])?.string ?? ""
      isText = isText || !reasoning.isEmpty || delta["tool_calls"]?.array?.isEmpty == false
    }
    guard isText else {
      // An answer may be of tokens without text, and still have an end.
      if isComplete { last = last ?? time }
      return
    }
    if let last, first != nil { gaps.append(time - last) }
    first = first ?? time
    last = time
  }

  /// The outcome of a stream that ended.
  func outcome() throws(Failure) -> RequestOutcome {
    guard isComplete else { throw Failure(description: "the stream ended before the answer did") }
    guard let last else { throw Failure(description: "the answer held neither text nor an end") }
    var outcome = RequestOutcome()
    outcome.start = start
    outcome.timeToFirstToken = (first ?? last) - start
    outcome.latency = last - start
    outcome.gaps = gaps
    outcome.text = text
    outcome.promptTokens = usage.prompt ?? timings.prompt ?? 0
    outcome.outputTokens = usage.output ?? timings.output ?? (first == nil ? 0 : gaps.count + 1)
    outcome.cachedTokens = (usage.cached ?? timings.cached).map { [prompt = outcome.promptTokens] in min($0, prompt) }
    return outcome
  }

  /// Numbers of tokens that a server told.
  private struct Counts {
    var prompt: Int?
    var output: Int?
    var cached: Int?

    /// Reads OpenAI's `usage`.
    mutating func take(usage: JSONValue) {
      prompt = Self.count(usage["prompt_tokens"]) ?? prompt
      output = Self.count(usage["completion_tokens"]) ?? output
      cached = Self.count(usage["prompt_tokens_details"]?["cached_tokens"]) ?? cached
    }

    /// Reads llama-server's `timings`, whose prompt is without what was cached.
    mutating func take(timings: JSONValue) {
      cached = Self.count(timings["cache_n"]) ?? cached
      prompt = Self.count(timings["prompt_n"]).map { $0 + (cached ?? 0) } ?? prompt
      output = Self.count(timings["predicted_n"]) ?? output
    }

    /// A number that can be added up without care.
    private static func count(_ value: JSONValue?) -> Int? {
      value?.int.flatMap { (0...1 << 40).contains($0) ? $0 : nil }
    }
  }
}

/// The bodies in which servers say what is wrong.
enum ErrorBody {
  /// The message of the member `error`, which is an object with a `message` or a string.
  static func message(_ error: JSONValue) -> String? { (error["message"] ?? error).string }

  /// The first line of what a body says: the message of its `error`, of its `message` or `detail`, or its text.
  static func summary(_ bytes: [UInt8]) -> String {
    let json = try? JSONValue(parsing: bytes)
    let message = json?["error"].flatMap(message) ?? json?["message"]?.string ?? json?["detail"]?.string
    let text = message ?? String(decoding: bytes.prefix(400), as: UTF8.self)
    let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
    return line.count > 200 ? "\(line.prefix(200))…" : line
  }
}
