/// The work of one forward pass: the only thing that passes from scheduling to numerics.
///
/// A step has no phase. A prompt chunk is a run of many tokens, a decode is a run of one; a plan holds any
/// mixture. The arrays are flat and keep their capacity from step to step.
public struct StepPlan: Sendable {
  /// Token ids of all runs, one after another; row `i` of the step is `tokens[i]`.
  public var tokens: [Int32] = []
  /// Page indices of all runs, one after another.
  package var pages: [Int32] = []
  /// The captures of all runs, one after another.
  package var captures: [StateCapture] = []
  /// Copies of parts of pages, to be made before the step.
  package var pageCopies: [PageCopy] = []
  /// The sequences that take part.
  public var runs: [Run] = []

  /// An empty plan.
  package init() {}

  /// Forgets all runs and keeps the capacity.
  package mutating func removeAll() {
    tokens.removeAll(keepingCapacity: true)
    pages.removeAll(keepingCapacity: true)
    captures.removeAll(keepingCapacity: true)
    pageCopies.removeAll(keepingCapacity: true)
    runs.removeAll(keepingCapacity: true)
  }

  /// The number of rows for which logits are computed, over all runs.
  public var logitRowCount: Int { runs.reduce(0) { $0 + $1.logits.count } }

  /// The number of rows whose hidden states are wanted, over all runs.
  public var hiddenRowCount: Int { runs.reduce(0) { $0 + $1.hidden.count } }
}

/// A copy of the first tokens of a page to a page of a sequence's own, which then goes on differently.
package struct PageCopy: Sendable, Hashable {
  /// The page to copy from.
  package var source: Int32
  /// The page to copy to.
  package var target: Int32
  /// The number of tokens whose keys and values are copied.
  package var tokens: Int
  /// The group of the pages.
  package var group: Int

  /// Creates a copy; see the properties.
  package init(from source: Int32, to target: Int32, tokens: Int, group: Int = 0) {
    self.source = source
    self.target = target
    self.tokens = tokens
    self.group = group
  }
}
