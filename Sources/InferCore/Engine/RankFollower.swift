/// The engine's side of a rank other than 0: it has its share of a model and of all state, and computes the steps that rank 0
/// plans.
package final class RankFollower: @unchecked Sendable {
  // Safe because one thread follows.
  private let model: any LanguageModel
  private let grid: RankGrid
  private var ranks: any Communicator { grid.job }
  private let store: StateStore
  private let team: ThreadTeam
  private let workspace: Workspace
  /// What the rank keeps in files; `nil` for a model without a fingerprint.
  private let files: RankFileKeeper?

  /// Makes memory for as much state as rank 0 has. Returns once rank 0 has made its engine.
  ///
  /// - Parameters:
  ///   - model: the rank's share of the model.
  ///   - configuration: what rank 0's engine is configured with, and ``EngineConfiguration/ranks``.
  /// - Throws: ``ConfigurationError`` as ``Engine`` does, and ``RankError``.
  package init(model: any LanguageModel, configuration: EngineConfiguration) throws {
    guard let grid = configuration.ranks else { preconditionFailure("a follower of nobody") }
    try configuration.validate()
    self.model = model
    self.grid = grid
    let limits = try EngineLimits(configuration, model: model)
    // A step that is tried takes all ranks.
    workspace = try Engine.workspace(model, configuration, limits).workspace
    let shape = try StoreShape(try grid.job.broadcast(within: nil))
    store = try StateStore(
      layout: model.stateLayout, kvType: configuration.kvType, pageTokens: configuration.pageTokens,
      pageCount: shape.pageCount, slotCount: shape.slotCount, coldSlotCount: shape.coldSlotCount)
    team = try ThreadTeam(count: configuration.threads, placement: .current)
    if let exact = Engine.identity(model, configuration),
      let rounded = Engine.identity(model, configuration, isRounded: true)
    {
      files = try RankFileKeeper(rank: grid.job.rank, exact: exact, rounded: rounded, store: store)
    } else {
      files = nil
    }
  }

  /// Computes what rank 0 plans, until it ends, on a thread of its own.
  ///
  /// - Throws: ``RankError`` when rank 0 is not heard of for longer than the ranks' patience; ``ModelError`` when the system
  ///   refuses the thread.
  package func run() async throws {
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      do throws(ModelError) {
        try startDetachedThread("infer-engine") { continuation.resume(with: Result { try self.follow() }) }
      } catch { continuation.resume(throwing: error) }
    }
  }

  /// Computes what rank 0 plans, until it ends.
  package func follow() throws(RankError) {
    team.bindCaller()
    defer {
      files?.stop()
      team.releaseCaller()
    }
    while true {
      switch try RankMessage(try ranks.broadcast(within: ranks.patience)) {
      case .step(let changes, let plan):
        change(changes)
        for copy in plan.pageCopies {
          store.copyPage(from: copy.source, to: copy.target, tokens: copy.tokens, group: copy.group)
        }
        for (index, part) in plan.parts(for: grid).enumerated() {
          compute(
            Step(plan: part, store: store, team: team, workspace: workspace, grid: grid, goesOn: index > 0))
        }
      case .pulse(let changes):
        change(changes)
        _ = try ranks.gatherAll(files?.takeReport().bytes ?? [], within: ranks.patience)
      case .end: return
      }
    }
  }

  private func change(_ changes: [StateChange]) {
    for change in changes {
      switch change {
      case .copySlot(let source, let target): store.copySlot(from: source, to: target, team)
      case .giveBack(let pages, let slots): store.giveBack(pages: pages, slots: slots)
      case .task(let task): files?.begin(task)
      case .takeBack(let task): files?.takeBack(task: task)
      }
    }
  }

  /// Computes the rank's part of a step. Logits and hidden states are rank 0's to use.
  private func compute(_ step: borrowing Step) {
    var logits = step.take(rows: step.plan.logitRowCount, columns: model.vocabularySize)
    let hiddenCount = step.plan.hiddenRowCount
    guard hiddenCount > 0, let width = model.hiddenWidth else { return model.forward(step, logits: &logits) }
    var hidden = step.take(rows: hiddenCount, columns: width)
    model.forward(step, logits: &logits, hidden: &hidden)
  }
}

/// The amount of state that all ranks have addresses for.
package struct StoreShape {
  var pageCount, slotCount, coldSlotCount: Int

  /// Rank 0's message about the state.
  package static func bytes(pages: Int, slots: Int, coldSlots: Int) -> [UInt8] {
    [pages, slots, coldSlots].littleEndianBytes
  }

  /// Reads rank 0's message.
  init(_ bytes: [UInt8]) throws(RankError) {
    let numbers = [Int](littleEndianBytes: bytes[...])
    guard bytes.count == 24, numbers.allSatisfy({ 0...Int(Int32.max) ~= $0 }) else {
      throw .malformed(rank: 0, reason: "the shape of its state")
    }
    (pageCount, slotCount, coldSlotCount) = (numbers[0], numbers[1], numbers[2])
  }
}
