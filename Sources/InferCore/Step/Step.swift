/// One forward pass: its plan, the state of its sequences, the threads and the memory to compute with.
///
/// Blocks and kernels borrow it. ``take(rows:columns:)`` only borrows, so that several activations may be alive at
/// once; they are given back together at the end of the enclosing ``scoped(_:)``.
public struct Step: ~Copyable {
  /// The tokens to compute, by sequence.
  public let plan: StepPlan
  /// The state of all sequences, in pages and slots.
  package let store: StateStore
  /// The threads to compute with.
  public let team: ThreadTeam
  /// Counts of the model's work, for metrics.
  package let report: StepReport
  let scratch: Scratch
  /// The sums that products add their inputs to; `nil` where nobody asks for them.
  let inputs: InputSums?
  /// The rows that adapters add to; `nil` where there are none.
  let adapted: AdaptedRows?
  /// The ranks that compute the step together, in stages; `nil` for one that is alone.
  package let grid: RankGrid?
  /// The ranks that compute the same layers, each a share of every one; `nil` for one that is alone.
  package var ranks: (any Communicator)? { grid?.peers }

  /// A step over `plan` whose activations are in `workspace`, which successive steps can share.
  ///
  /// - Parameter goesOn: `true` for a further part of the step before, whose report goes on.
  /// - Precondition: captures are in order, and no slot of recurrent state is written twice, or read as another's start
  ///   and written.
  package init(
    plan: consuming StepPlan, store: StateStore, team: ThreadTeam, workspace: Workspace, grid: RankGrid? = nil,
    goesOn: Bool = false
  ) {
    plan.checkStates()
    adapted = workspace.adapted.fill(plan) ? workspace.adapted : nil
    self.plan = plan
    self.store = store
    self.team = team
    report = workspace.report
    inputs = workspace.report.inputs
    scratch = workspace.scratch
    self.grid = grid
    workspace.scratch.reset()
    if !goesOn { workspace.report.reset() }
  }

  /// The first byte of the page of a run's sequence that holds its `row`-th page of tokens of a paged piece.
  package func page(_ row: Int, of run: Run, in handle: StateHandle) -> UnsafeMutableRawPointer {
    let index = run.pages.lowerBound + row * store.groupCount + store.group(of: handle)
    return unsafe store.page(plan.pages[index], of: handle)
  }

  /// Traps unless rows are all of the step.
  func checkRows(_ count: Int) {
    precondition(count == plan.tokens.count, "\(count) rows in a step of \(plan.tokens.count)")
  }

  /// Uninitialised rows, valid until the end of the enclosing ``scoped(_:)`` or of the step.
  @_lifetime(borrow self)
  public borrowing func take(rows: Int, columns: Int) -> MutableRows {
    // Rows start on cache lines, so that threads that write neighbouring rows share none.
    let stride = (columns + 15) & ~15
    let base = unsafe scratch.take(rows * stride, of: Float.self)
    return unsafe MutableRows(base: base, count: rows, columns: columns, stride: stride, borrowing: self)
  }

  /// Runs `body` and gives back all rows that were taken in it.
  public borrowing func scoped(_ body: () -> Void) {
    let mark = scratch.mark
    body()
    scratch.release(to: mark)
  }
}
