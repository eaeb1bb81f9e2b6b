/// A step that an engine plans, computes or tells the results of at the moment.
public struct StepUnderWay: Sendable, Equatable {
  /// The number of the step, counted from the engine's start.
  public let number: Int
  /// When the step began.
  public let start: ContinuousClock.Instant
  /// The rows of the step: tokens of prompts, and one or a few for each sequence that generates.
  public let rows: Int
  /// Those of the rows that are tokens of prompts.
  public let promptRows: Int
  /// The sequences that have a part in the step.
  public let sequences: Int
  /// The tokens of the longest of them, those of the step included.
  public let longestSequence: Int

  package init(
    number: Int, start: ContinuousClock.Instant, rows: Int, promptRows: Int, sequences: Int, longestSequence: Int
  ) {
    self.number = number
    self.start = start
    self.rows = rows
    self.promptRows = promptRows
    self.sequences = sequences
    self.longestSequence = longestSequence
  }
}

/// Lets other threads see which step is under way.
final class StepWatch: Sendable {
  private let state = Monitor((count: 0, step: StepUnderWay?.none))

  /// The step that has begun and after which the engine does not rest yet; `nil` while it rests.
  var underWay: StepUnderWay? { state.withLock { $0.step } }

  /// Notes that a step begins, of which nothing is planned yet.
  func begin(at start: ContinuousClock.Instant) {
    state.withLock { state in
      state.count += 1
      state.step = StepUnderWay(
        number: state.count, start: start, rows: 0, promptRows: 0, sequences: 0, longestSequence: 0)
    }
  }

  /// Notes the plan of the step that has begun.
  func note(_ plan: StepPlan, promptRows: Int) {
    var longest = 0
    for run in plan.runs { longest = max(longest, run.position + run.tokens.count) }
    state.withLock { state in
      guard let begun = state.step else { return }
      state.step = StepUnderWay(
        number: begun.number, start: begun.start, rows: plan.tokens.count, promptRows: promptRows,
        sequences: plan.runs.count, longestSequence: longest)
    }
  }

  /// Notes that the engine has nothing to do, or waits for other engines' steps.
  func rest() { state.withLock { $0.step = nil } }
}
