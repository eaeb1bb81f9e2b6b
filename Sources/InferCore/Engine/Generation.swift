/// A request under way: an asynchronous sequence of events, tokens first, then one ``GenerationEvent/finished(_:_:)``.
///
/// Events wait until they are read. A generation whose reader is far behind pauses, and ends when that takes too long
/// (``EngineConfiguration/maxUnreadTokens``, ``EngineConfiguration/readerPatience``); it slows nobody else. One task
/// may iterate. A generation keeps its engine alive.
///
/// Work that nobody wants ends before the engine's next step, with ``FinishReason/cancelled``: when the loop over the
/// events is left, when the iterating task is cancelled, when the generation is dropped, and on ``cancel()``. Either
/// way the end is told, with what it cost: a sequence that is read on, also by a cancelled task, always ends with
/// ``GenerationEvent/finished(_:_:)``, and ``end`` can be asked at any time.
public struct Generation: AsyncSequence, Sendable {
  private let handle: GenerationHandle

  init(_ handle: GenerationHandle) { self.handle = handle }

  /// Iterates over the events. When the iterator is dropped before the end, the generation is cancelled.
  public func makeAsyncIterator() -> Iterator { makeAsyncIterator(ringing: Bell()) }

  /// Iterates over the events, each of which rings a bell.
  func makeAsyncIterator(ringing bell: Bell) -> Iterator {
    handle.channel.ring(bell)
    return Iterator(GenerationReading(handle), bell)
  }

  /// The end of the generation and its cost; waits for it. A task that is cancelled while it waits cancels the
  /// generation.
  public var end: GenerationEnd {
    get async {
      await withTaskCancellationHandler {
        await handle.channel.end()
      } onCancel: {
        handle.end(.cancelled)
      }
    }
  }

  /// Ends the generation before the engine's next step, with ``FinishReason/cancelled``. Does nothing when it has
  /// ended already.
  public func cancel() { handle.end(.cancelled) }

  /// Ends the generation before the next step with ``FinishReason/stop``: a stop string came.
  func stop() { handle.end(.stop) }

  /// Iterates over the events of a ``Generation``.
  public struct Iterator: AsyncIteratorProtocol {
    private let reading: GenerationReading
    private let bell: Bell
    /// The end of the step that the last event comes from; `nil` before the first.
    package private(set) var lastEventTime: ContinuousClock.Instant?

    init(_ reading: GenerationReading, _ bell: Bell) {
      self.reading = reading
      self.bell = bell
    }

    /// The next event; `nil` after the end. In a cancelled task the end follows, after the tokens that are there.
    public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> GenerationEvent? {
      while true {
        noteCancellation()
        switch poll() {
        case .element(let event): return event
        case .ended: return nil
        case .pending: await wait(isolation: actor)
        }
      }
    }

    /// The next event, if it is there.
    mutating func poll() -> Polled<GenerationEvent> {
      let handle = reading.handle
      switch handle.channel.poll(resume: { handle.resume() }) {
      case .element(let sent):
        lastEventTime = sent.time
        return .element(sent.event)
      case .pending: return .pending
      case .ended: return .ended
      }
    }

    /// Has the generation end where the task is cancelled.
    func noteCancellation() {
      if Task.isCancelled { reading.handle.end(.cancelled) }
    }

    /// Waits until there may be another event. Has the generation end where the task is cancelled.
    func wait(isolation actor: isolated (any Actor)?) async {
      await withTaskCancellationHandler(
        operation: { await bell.wait(isolation: actor) },
        onCancel: { [handle = reading.handle] in handle.end(.cancelled) }, isolation: actor)
    }
  }
}

/// The end of a ``Generation``.
public struct GenerationEnd: Sendable, Equatable {
  /// The reason of the end.
  public let reason: FinishReason
  /// The cost in tokens and time.
  public let statistics: GenerationStatistics

  /// Creates an end.
  public init(reason: FinishReason, statistics: GenerationStatistics) {
    self.reason = reason
    self.statistics = statistics
  }
}

/// A hold on a generation and its engine: when the last is let go, the generation ends.
final class GenerationHandle: Sendable {
  let channel: EventChannel
  private let inbox: EngineInbox
  /// The engine stops when nobody holds it.
  private let engine: Engine

  init(_ channel: EventChannel, _ inbox: EngineInbox, _ engine: Engine) {
    self.channel = channel
    self.inbox = inbox
    self.engine = engine
  }

  deinit { end(.cancelled) }

  /// Has the generation end, if it has not already.
  func end(_ reason: FinishReason) {
    if !channel.hasEnded { inbox.end(channel, reason) }
  }

  /// Has the generation go on after a pause.
  func resume() { inbox.resume(channel) }
}

/// One reading of a generation's events: leaving it ends the generation.
final class GenerationReading: Sendable {
  let handle: GenerationHandle

  init(_ handle: GenerationHandle) { self.handle = handle }

  deinit { handle.end(.cancelled) }
}
