/// The work of one forward pass: the only thing that passes from scheduling to numerics.
///
/// A step has no phase. A prompt chunk is a run of many tokens, a decode is a run of one; a plan holds any
/// mixture. The arrays are flat and keep their capacity from step to step.
public struct StepPlan: Sendable {
  /// Token ids of all runs, one after another; row `i` of the step is `tokens[i]`.
  public var tokens: [Int32] = []
  /// Page indices of all runs, one after another.
  public var pages: [Int32] = []
  /// The sequences that take part.
  public var runs: [Run] = []

  /// An empty plan.
  public init() {}

  /// Forgets all runs and keeps the capacity.
  public mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    pages.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
  }

  /// The number of rows for which logits are computed, over all runs.
  public var logitRowCount: Int { runs.reduce(0) { $0 + $1.logits.count } }
}

/// The tokens of one sequence in a step.
public struct Run: Sendable {
  /// Identifies the sequence to the scheduler; numerics do not look at it.
  public var sequence: Int
  /// Rows of the step.
  public var tokens: Range<Int>
  /// Position in the sequence of the first of `tokens`. At position 0 recurrent state starts from zero,
  /// whatever its slot holds.
  public var position: Int
  /// The sequence's page table, as indices of ``StepPlan/pages``: its page `j` holds positions
  /// `j * pageTokens ..< (j + 1) * pageTokens`, up to and including this run's last.
  public var pages: Range<Int>
  /// The sequence's slot of recurrent state.
  public var slot: Int32
  /// Rows of the step whose logits are wanted: a suffix of `tokens`, possibly empty. They stand in the
  /// logits matrix in order of runs, without gaps.
  public var logits: Range<Int>

  /// Creates a run; see the properties.
  public init(sequence: Int, tokens: Range<Int>, position: Int, pages: Range<Int>, slot: Int32, logits: Range<Int>) {
    precondition(
      logits.isEmpty || (tokens.contains(logits.lowerBound) && logits.upperBound == tokens.upperBound),
      "logits \(logits) are no suffix of tokens \(tokens)")
    self.sequence = sequence
    self.tokens = tokens
    self.position = position
    self.pages = pages
    self.slot = slot
    self.logits = logits
  }
}
