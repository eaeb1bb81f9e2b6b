import InferCore

/// The choices of one request being generated side by side, as one sequence of events.
///
/// Dropping the iterator or cancelling its task cancels all of them.
struct Answer: AsyncSequence, Sendable {
  /// An event, the number of its choice, and the end of the step that completed it.
  typealias Element = (choice: Int, event: TextEvent, time: ContinuousClock.Instant)

  private let generations: [TextGeneration]
  /// The field of the request that holds the choices to a language; `nil` for none.
  let constraintField: String?
  /// Counts the tokens of the choices; `nil` for nobody.
  let tally: UsageTally?

  /// Numbers of the choices.
  var choices: Range<Int> { generations.indices }

  /// Choices that the engine has taken on.
  init(_ generations: [TextGeneration], constraintField: String? = nil, tally: UsageTally? = nil) {
    self.generations = generations
    self.constraintField = constraintField
    self.tally = tally
  }

  /// Ends all choices before the engine's next step.
  func cancel() {
    for generation in generations { generation.cancel() }
  }

  /// How a choice ended, and what it cost; waits for the end.
  func end(of choice: Int) async -> GenerationEnd { await generations[choice].end }

  /// Ends a choice before the engine's next step, because what was asked for is there.
  func finish(_ choice: Int) { generations[choice].finish() }

  /// Iterates over the events of all choices; those of one choice are in order.
  struct AsyncIterator: AsyncIteratorProtocol {
    /// The events of the only choice; `nil` when there are several.
    fileprivate var single: TextGeneration.Iterator?
    fileprivate var several: Merging?

    mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> Element? {
      if let several {
        return await withTaskCancellationHandler(
          operation: { await several.handover.next(isolation: actor) }, onCancel: { several.answer.cancel() },
          isolation: actor)
      }
      // Asked where it is kept: a copy would have its arrays copied as well.
      guard let event = await single?.next(isolation: actor) else { return nil }
      return (0, event, single?.lastEventTime ?? .now)
    }
  }

  func makeAsyncIterator() -> AsyncIterator {
    // The usual case does without the tasks that bring several sequences together.
    if generations.count == 1 { return AsyncIterator(single: generations[0].makeAsyncIterator()) }
    return AsyncIterator(several: Merging(self))
  }

  /// The sequences of all choices being brought together. Each waits until its event is taken, so that nothing piles up
  /// behind a slow reader.
  fileprivate final class Merging: Sendable {
    let answer: Answer
    let handover = Handover<Element>()
    private let reading: Task<Void, Never>

    init(_ answer: Answer) {
      self.answer = answer
      reading = Task { [handover] in
        await withTaskGroup { group in
          for (choice, generation) in answer.generations.enumerated() {
            group.addTask {
              var events = generation.makeAsyncIterator()
              while let event = await events.next() {
                guard await handover.send((choice, event, events.lastEventTime ?? .now)) else { break }
              }
            }
          }
        }
        handover.finish()
      }
    }

    deinit {
      handover.finish()
      reading.cancel()
    }
  }
}
