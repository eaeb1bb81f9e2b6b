internal import InferText

/// Turns tokens into pieces of text, up to a stop string.
struct TextAssembly {
  /// `true` once a stop string was found; everything that follows is dropped.
  private(set) var hasStopped = false
  /// The number of tokens, up to the end of the stop string if there was one.
  private(set) var tokenCount = 0
  private let minTokens: Int
  private let includesStop: Bool
  private var detokenizer: StreamingDetokenizer
  private var matcher: StopStringMatcher
  /// Tokens whose text is still held back.
  private var tokens: [GeneratedToken] = []
  /// The number of the token that each byte of that text came from.
  private var sources: [Int] = []

  init(_ stop: StopConditions, _ detokenizer: StreamingDetokenizer) {
    self.detokenizer = detokenizer
    minTokens = stop.minTokens
    includesStop = stop.includesStopString
    matcher = StopStringMatcher(stop.stopStrings, includesStopString: includesStop)
  }

  /// Takes a token; returns the text that is certain now, if there is any.
  mutating func append(_ token: GeneratedToken) -> TextPiece? {
    guard !hasStopped else { return nil }
    tokens.append(token)
    let text = token.isStop && !includesStop ? "" : trace(detokenizer.append(token.id, number: tokenCount))
    tokenCount += 1
    // Stop strings are looked for in what comes after the first minTokens tokens, as in vLLM.
    guard tokenCount > minTokens else { return take(text) }
    let output = matcher.append(text)
    hasStopped = output.stopString != nil
    return take(output.text, evenIfEmpty: hasStopped)
  }

  /// Returns the text that was held back, when no stop string has come.
  mutating func finish() -> TextPiece? {
    guard !hasStopped else { return nil }
    let rest = matcher.append(trace(detokenizer.finishTraced()))
    hasStopped = rest.stopString != nil
    return take(rest.text + matcher.finish(), evenIfEmpty: !tokens.isEmpty)
  }

  private mutating func trace(_ text: TracedText) -> String {
    sources += text.sources
    return text.text
  }

  private mutating func take(_ text: String, evenIfEmpty: Bool = false) -> TextPiece? {
    guard evenIfEmpty || !text.isEmpty else { return nil }
    let count = text.utf8.count
    let first = tokenCount - tokens.count
    defer {
      tokens.removeAll(keepingCapacity: true)
      sources.removeFirst(count)
    }
    return TextPiece(text: text, tokens: tokens, sources: sources[..<count].map { $0 - first })
  }
}
