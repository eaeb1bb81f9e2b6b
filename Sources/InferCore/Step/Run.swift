/// The tokens of one sequence in a step.
public struct Run: Sendable {
  /// Identifies the sequence to the scheduler; numerics do not look at it.
  public var sequence: Int
  /// Rows of the step.
  public var tokens: Range<Int>
  /// Position in the sequence of the first of `tokens`.
  public var position: Int
  /// The sequence's page table, as indices of ``StepPlan/pages``: row `j`, a page of each group, holds positions
  /// `j * pageTokens ..< (j + 1) * pageTokens`, up to and including this run's last.
  package var pages: Range<Int>
  /// The sequence's slot of recurrent state, which holds the state after `tokens` when the step is done.
  package var slot: Int32
  /// The recurrent state before `tokens`.
  package var start: StateStart
  /// The run's captures, as indices of ``StepPlan/captures``, in ascending order of their rows.
  package var captures: Range<Int>
  /// Rows of the step whose logits are wanted: a suffix of `tokens`, possibly empty. They stand in the
  /// logits matrix in order of runs, without gaps.
  public var logits: Range<Int>
  /// Rows of the step whose hidden states are wanted: a part of `tokens`, possibly empty. They stand in their matrix in
  /// order of runs, without gaps.
  public var hidden: Range<Int>
  /// The index of the sequence's adapter in the model; `nil` for none.
  package var adapter: Int?

  /// Creates a run; see the properties. Without a `start`, recurrent state is zero before position 0, and elsewhere
  /// the slot's.
  package init(
    sequence: Int, tokens: Range<Int>, position: Int, pages: Range<Int>, slot: Int32, start: StateStart? = nil,
    captures: Range<Int> = 0..<0, logits: Range<Int>, hidden: Range<Int> = 0..<0,
    adapter: Int? = nil
  ) {
    precondition(
      logits.isEmpty || (tokens.contains(logits.lowerBound) && logits.upperBound == tokens.upperBound),
      "logits \(logits) are no suffix of tokens \(tokens)")
    precondition(
      hidden.isEmpty || tokens.contains(hidden.lowerBound) && hidden.upperBound <= tokens.upperBound,
      "hidden states \(hidden) are no part of tokens \(tokens)")
    self.sequence = sequence
    self.tokens = tokens
    self.position = position
    self.pages = pages
    self.slot = slot
    self.start = start ?? (position == 0 ? .zero : .slot)
    self.captures = captures
    self.logits = logits
    self.hidden = hidden
    self.adapter = adapter
  }
}

/// The recurrent state that a run starts from.
package enum StateStart: Sendable, Hashable {
  /// Zero, whatever the run's slot holds: a sequence's beginning.
  case zero
  /// The state in the run's own slot, which an earlier step left there.
  case slot
  /// The state in another slot, which is only read: no run and no capture of the step may write it.
  case copy(of: Int32)
}

/// A copy of a sequence's recurrent state, taken in passing between two tokens of a run.
///
/// It costs one store of the state. Rounding is that of a sequence whose tokens are computed up to the capture in one
/// step and from there on in another, bit for bit, for the captured state and for the rows before and behind it.
package struct StateCapture: Sendable, Hashable {
  /// The number of the run's tokens that the captured state has seen, from 1 to all of them.
  package var rows: Int
  /// The slot that the state is written to, which nothing else in the step may use.
  package var slot: Int32

  /// Creates a capture; see the properties.
  package init(rows: Int, slot: Int32) {
    self.rows = rows
    self.slot = slot
  }
}
