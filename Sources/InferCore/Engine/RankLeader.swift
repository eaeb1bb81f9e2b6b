/// The engine's side of rank 0, where several ranks compute its model: it tells the others of every step, and of what happens
/// to state in between.
final class RankLeader {
  let grid: RankGrid
  private var ranks: any Communicator { grid.job }
  private var changes: [StateChange] = []
  /// When the others have to hear something.
  private(set) var nextPulse: ContinuousClock.Instant

  init(_ grid: RankGrid) {
    self.grid = grid
    nextPulse = .now
  }

  /// Sends the others the amounts of state.
  func share(_ limits: EngineLimits) {
    send(StoreShape.bytes(pages: limits.pageCount, slots: limits.slotCount, coldSlots: limits.coldSlotCount))
  }

  /// Notes a change of the state, which others make before the next step.
  func note(_ change: StateChange) { changes.append(change) }

  /// Has the others compute a step.
  func begin(_ plan: StepPlan) {
    send(RankMessage.step(changes, plan).bytes)
    changes.removeAll(keepingCapacity: true)
  }

  /// Lets the others know that rank 0 is there, if they have not heard of it for a while, and sees that they are.
  func pulse(at now: ContinuousClock.Instant) {
    guard now >= nextPulse else { return }
    send(RankMessage.pulse(changes).bytes)
    changes.removeAll(keepingCapacity: true)
    do { try ranks.barrier(within: ranks.patience) } catch { ranks.abort(error) }
  }

  /// Sends the others home.
  func end() { send(RankMessage.end.bytes) }

  private func send(_ bytes: [UInt8]) {
    do { try ranks.broadcast(bytes, within: ranks.patience) } catch { ranks.abort(error) }
    nextPulse = .now + ranks.patience / 4
  }
}
