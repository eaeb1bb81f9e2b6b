import InferCore

/// The choices of one request being generated side by side, as one sequence of events.
///
/// Dropping the iterator or cancelling its task cancels all of them.
struct Answer: AsyncSequence, Sendable {
  /// An event and the number of its choice.
  typealias Element = (choice: Int, event: TextEvent)

  private let generations: [TextGeneration]

  /// Choices that the engine has taken on.
  init(_ generations: [TextGeneration]) { self.generations = generations }

  /// Ends all choices before the engine's next step.
  func cancel() {
    for generation in generations { generation.cancel() }
  }

  func makeAsyncIterator() -> AsyncStream<Element>.AsyncIterator {
    let (events, continuation) = AsyncStream<Element>.makeStream()
    let reading = Task {
      await withTaskGroup { group in
        for (choice, generation) in generations.enumerated() {
          group.addTask {
            for await event in generation { continuation.yield((choice, event)) }
          }
        }
      }
      continuation.finish()
    }
    continuation.onTermination = { _ in reading.cancel() }
    return events.makeAsyncIterator()
  }
}
