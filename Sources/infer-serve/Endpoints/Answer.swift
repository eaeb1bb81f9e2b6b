import InferCore

/// The choices of one request being generated side by side, as one sequence of events.
///
/// Dropping the iterator or cancelling the task that waits for it cancels all of them.
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

  /// Iterates over the events of all choices; those of one choice are in order. Nothing piles up behind a slow reader, as
  /// choices pause whose events are not taken.
  struct AsyncIterator: AsyncIteratorProtocol {
    private let answer: Answer
    private var choices: [TextGeneration.Iterator]
    /// Rung for the events of all choices.
    private let bell = Bell()
    /// The choice that is asked first: each has its turn.
    private var turn = 0

    fileprivate init(_ answer: Answer) {
      self.answer = answer
      choices = answer.generations.map { [bell] in $0.makeAsyncIterator(ringing: bell) }
    }

    /// The next event, if it is there.
    mutating func poll() -> Polled<Element> {
      var isOver = true
      for _ in choices.indices {
        let choice = turn
        turn = turn + 1 == choices.count ? 0 : turn + 1
        // Asked where it is kept: a copy would have its arrays copied as well.
        switch choices[choice].poll() {
        case .element(let event): return .element((choice, event, choices[choice].lastEventTime ?? .now))
        case .pending: isOver = false
        case .ended: break
        }
      }
      return isOver ? .ended : .pending
    }

    /// Calls `body` once, when there may be another event.
    func whenThereMayBeMore(_ body: @escaping @Sendable () -> Void) { bell.whenRung(body) }

    mutating func next(isolation actor: isolated (any Actor)? = #isolation) async -> Element? {
      while true {
        if Task.isCancelled { answer.cancel() }
        switch poll() {
        case .element(let element): return element
        case .ended: return nil
        case .pending:
          await withTaskCancellationHandler(
            operation: { [bell] in await bell.wait(isolation: actor) }, onCancel: { [answer] in answer.cancel() },
            isolation: actor)
        }
      }
    }
  }

  func makeAsyncIterator() -> AsyncIterator { AsyncIterator(self) }
}
