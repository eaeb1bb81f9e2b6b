/// One forward pass under way: the plan, the state it works on, and the means to work with.
///
/// Borrowed all the way down the model. ``take(rows:columns:)`` only borrows, so that several activations may
/// be alive at once; they are given back together at the end of the enclosing ``scoped(_:)``.
public struct Step: ~Copyable {
  /// What to compute.
  public let plan: StepPlan
  /// Pages and slots.
  public let store: StateStore
  /// The threads to compute with.
  public let team: ThreadTeam
  /// Counts of what the model did, for metrics.
  public let report: StepReport
  let scratch: Scratch

  /// A step over `plan`, with memory of its own for activations, which the next step reuses when it is given
  /// the same `workspace`.
  public init(plan: consuming StepPlan, store: StateStore, team: ThreadTeam, workspace: Workspace) {
    self.plan = plan
    self.store = store
    self.team = team
    report = workspace.report
    scratch = workspace.scratch
    workspace.scratch.reset()
    workspace.report.reset()
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

/// What successive steps reuse: memory for activations and the report's counters.
public final class Workspace {
  let scratch = Scratch()
  let report = StepReport()

  /// An empty workspace; it grows to the largest step it has seen.
  public init() {}

  /// Bytes held for activations.
  public var byteCount: Int { scratch.byteCount }

  /// Reserves addresses for as many bytes of activations; steps that need more take it when they do.
  ///
  /// - Throws: ``ModelError`` when the system has none.
  func reserve(byteCount: Int) throws(ModelError) { try scratch.reserve(byteCount: byteCount) }
}

/// What a model reports of a step, beside its logits.
public final class StepReport {
  /// Rows that each expert of each mixture-of-experts layer computed in this step: `[layer][expert]`.
  public private(set) var expertRows: [[Int]] = []
  /// What the step had to read and compute. Kernels add to it on the calling thread.
  public package(set) var work = StepWork()

  func reset() {
    work = StepWork()
    for layer in expertRows.indices {
      for expert in expertRows[layer].indices { expertRows[layer][expert] = 0 }
    }
  }

  /// Adds `rows` rows to an expert's count. Layers are numbered by their position in the model.
  public func addExpertRows(_ rows: Int, layer: Int, expert: Int, expertCount: Int) {
    while expertRows.count <= layer { expertRows.append([]) }
    if expertRows[layer].isEmpty { expertRows[layer] = Array(repeating: 0, count: expertCount) }
    expertRows[layer][expert] += rows
  }
}
