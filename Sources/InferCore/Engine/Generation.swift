/// A request under way: an asynchronous sequence of events, tokens first, then one ``GenerationEvent/finished(_:_:)``.
///
/// Events wait until they are read; a slow reader slows nobody. One task may iterate. When the sequence is dropped
/// or the iterating task is cancelled, the generation is cancelled before the engine's next step.
public struct Generation: AsyncSequence, Sendable {
  private let events: AsyncStream<GenerationEvent>
  private let end: @Sendable (FinishReason) -> Void

  init(events: AsyncStream<GenerationEvent>, end: @escaping @Sendable (FinishReason) -> Void) {
    self.events = events
    self.end = end
  }

  /// Iterates over the events.
  public func makeAsyncIterator() -> AsyncStream<GenerationEvent>.AsyncIterator { events.makeAsyncIterator() }

  /// Ends the generation before the engine's next step, with ``FinishReason/cancelled``. Does nothing when it has
  /// ended already.
  public func cancel() { end(.cancelled) }

  /// Ends the generation before the next step because what was asked for is there: a stop string came.
  func stop() { end(.stop) }
}
