public import InferText

/// A generation as text: an asynchronous sequence of pieces, then one ``TextEvent/finished(_:_:)``.
///
/// Pieces hold whole characters. A stop string ends the generation, and text that may become part of one is held back.
/// The work is done where the sequence is iterated, never on the engine's thread. For how it ends early, see
/// ``Generation``.
public struct TextGeneration: AsyncSequence, Sendable {
  private let generation: Generation
  private let stop: StopConditions
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  private let kept: Set<Int32>

  /// Turns a generation into text.
  ///
  /// - Parameters:
  ///   - generation: The generation, which nobody else iterates.
  ///   - stop: The stop conditions that it was made with. A token that ended it has no text unless stop strings are
  ///     included.
  ///   - tokenizer: The model's tokenizer.
  ///   - skippingSpecialTokens: `true` when special tokens have no text.
  ///   - kept: Special tokens that have text all the same; `nil` for the usual tags around reasoning.
  public init(
    _ generation: Generation, stop: StopConditions, tokenizer: Tokenizer, skippingSpecialTokens: Bool = true,
    keeping kept: Set<Int32>? = nil
  ) {
    self.generation = generation
    self.stop = stop
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
    self.kept = kept ?? OutputFormat(template: "").markers(of: tokenizer, takesCalls: false)
  }

  /// Ends the generation before the engine's next step, with ``FinishReason/cancelled``.
  public func cancel() { generation.cancel() }

  /// Ends the generation before the engine's next step, with ``FinishReason/stop``: the caller has all it asked for.
  public func finish() { generation.stop() }

  /// The end of the generation and its cost; see ``Generation/end``. The engine may have generated a few more tokens
  /// than ``TextEvent/finished(_:_:)`` counts, after the one that completed a stop string.
  public var end: GenerationEnd { get async { await generation.end } }

  /// Iterates over the events. When the iterator is dropped before the end, the generation is cancelled.
  public func makeAsyncIterator() -> Iterator { makeAsyncIterator(ringing: Bell()) }

  /// Iterates over the events. A bell is rung whenever there may be another one.
  package func makeAsyncIterator(ringing bell: Bell) -> Iterator {
    Iterator(
      generation: generation, events: generation.makeAsyncIterator(ringing: bell),
      assembly: TextAssembly(
        stop,
        StreamingDetokenizer(
          tokenizer, skippingSpecialTokens: skippingSpecialTokens, keeping: kept)))
  }

  /// Iterates over the events of a ``TextGeneration``.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let generation: Generation
    fileprivate var events: Generation.Iterator
    fileprivate var assembly: TextAssembly
    /// Comes after the last piece.
    private var end: TextEvent?
    /// The end of the step that completed the last event; `nil` before the first.
    ///
    /// Kept here: to ask the events elsewhere, all of the iterator would be copied.
    package private(set) var lastEventTime: ContinuousClock.Instant?

    fileprivate init(
      generation: Generation, events: Generation.Iterator, assembly: TextAssembly
    ) {
      self.generation = generation
      self.events = events
      self.assembly = assembly
    }

    /// The next event; `nil` after the end. In a cancelled task the end follows, after the text that is there.
    public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> TextEvent? {
      while true {
        events.noteCancellation()
        switch poll() {
        case .element(let event): return event
        case .ended: return nil
        case .pending: await events.wait(isolation: actor)
        }
      }
    }

    /// The next event, if it is there.
    package mutating func poll() -> Polled<TextEvent> {
      if let end {
        self.end = nil
        return .element(end)
      }
      while true {
        switch events.poll() {
        case .pending: return .pending
        case .ended: return .ended
        case .element(let event):
          lastEventTime = events.lastEventTime
          if let event = take(event) { return .element(event) }
        }
      }
    }

    /// The event of text that an event of tokens completes, if it does.
    private mutating func take(_ event: GenerationEvent) -> TextEvent? {
      switch event {
      case .promptScores(let scores): return .promptScores(scores)
      case .pooled(let values): return .pooled(values)
      case .token(let token):
        let piece = assembly.append(token)
        if assembly.hasStopped { generation.stop() }
        return piece.map { .piece($0) }
      case .finished(let reason, var statistics):
        let piece = assembly.finish()
        if assembly.hasStopped { statistics.generatedTokens = assembly.tokenCount }
        let finished = TextEvent.finished(assembly.hasStopped ? .stop : reason, statistics)
        guard let piece else { return finished }
        end = finished
        return .piece(piece)
      }
    }
  }
}

extension Engine {
  /// Takes a request on and reports it as text. See ``submit(_:)-(GenerationRequest)``.
  public func submitText(
    _ request: GenerationRequest, tokenizer: Tokenizer, skippingSpecialTokens: Bool = true
  ) throws(RequestError) -> TextGeneration {
    TextGeneration(
      try submit(request), stop: request.stop, tokenizer: tokenizer, skippingSpecialTokens: skippingSpecialTokens)
  }
}

/// An event of a ``TextGeneration``.
public enum TextEvent: Sendable, Equatable {
  /// Scores of the prompt's next tokens; see ``GenerationEvent/promptScores(_:)``.
  case promptScores([PromptTokenScore])
  /// The prompt's pooled hidden states; see ``GenerationEvent/pooled(_:)``.
  case pooled([Float])
  /// The next piece of text.
  case piece(TextPiece)
  /// The end; nothing follows. Generated tokens are counted up to the one that completed a stop string.
  case finished(FinishReason, GenerationStatistics)
}

/// Some text and the tokens that completed it.
public struct TextPiece: Sendable, Equatable {
  /// The text, in whole characters; empty in the last piece of a generation whose last tokens have no text.
  public let text: String
  /// The tokens since the piece before.
  public let tokens: [GeneratedToken]
  /// For every byte of the text, the index in `tokens` of the token that it came from. The text of a token may have
  /// been held back: negative indices count back from the end of the tokens of the pieces before.
  public let sources: [Int]

  init(text: String, tokens: [GeneratedToken], sources: [Int]) {
    precondition(sources.count == text.utf8.count, "\(sources.count) sources of \(text.utf8.count) bytes")
    self.text = text
    self.tokens = tokens
    self.sources = sources
  }

  /// Creates a piece all of whose text came from the last of its tokens, or from the one before it if it has none.
  public init(text: String, tokens: [GeneratedToken]) {
    self.init(
      text: text, tokens: tokens, sources: Array(repeating: tokens.count - 1, count: text.utf8.count))
  }
}
