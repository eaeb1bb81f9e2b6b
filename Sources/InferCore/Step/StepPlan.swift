/// The work of one forward pass: the only thing that passes from scheduling to numerics.
///
/// A step has no phase. A prompt chunk is a run of many tokens, a decode is a run of one; a plan holds any
/// mixture. The arrays are flat and keep their capacity from step to step.
public struct StepPlan: Sendable {
  /// Token ids of all runs, one after another; row `i` of the step is `tokens[i]`.
  public var tokens: [Int32] = []
  /// Page indices of all runs, one after another.
  public var pages: [Int32] = []
  /// The captures of all runs, one after another.
  public var captures: [StateCapture] = []
  /// The sequences that take part.
  public var runs: [Run] = []

  /// An empty plan.
  public init() {}

  /// Forgets all runs and keeps the capacity.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    pages.removeAll(keepingCapacity: true)
    captures.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
  }

  /// The number of rows for which logits are computed, over all runs.
  public var logitRowCount: Int { runs.reduce(0) { $0 + $1.logits.count } }
}
