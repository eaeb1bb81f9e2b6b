/// The engine's side of rank 0, where several ranks compute its model: it tells the others of every step, and of what happens
/// to state in between.
final class RankLeader {
  let grid: RankGrid
  private var ranks: any Communicator { grid.job }
  private let files: RankFiles?
  private var changes: [StateChange] = []
  /// When the others heard something last, and when they told something.
  private var lastSent, lastHeard: ContinuousClock.Instant

  /// The time between two questions about files that others are at.
  private static let fileInterval = Duration.milliseconds(5)

  /// The link to the others of a grid, and to their files; `nil` where nobody wants anything of these.
  init(_ grid: RankGrid, files: RankFiles?) {
    self.grid = grid
    self.files = files
    (lastSent, lastHeard) = (.now, .now)
  }

  /// When the others have to hear something, or be asked.
  var nextPulse: ContinuousClock.Instant {
    let quiet = lastSent + ranks.patience / 4
    return files?.isBusy == true ? min(quiet, lastHeard + Self.fileInterval) : quiet
  }

  /// Sends the others the amounts of state.
  func share(_ limits: EngineLimits) {
    send(StoreShape.bytes(pages: limits.pageCount, slots: limits.slotCount, coldSlots: limits.coldSlotCount))
  }

  /// Notes a change of the state, which others make before the next step.
  func note(_ change: StateChange) { changes.append(change) }

  /// Has the others compute a step.
  func begin(_ plan: StepPlan) { send(RankMessage.step(takeChanges(), plan).bytes) }

  /// Lets the others know that rank 0 is there, if they have not heard of it for a while, and sees that they are. Asks what
  /// came of what they do with files.
  func pulse(at now: ContinuousClock.Instant) {
    if now >= nextPulse { tell() }
  }

  private func tell() {
    send(RankMessage.pulse(takeChanges()).bytes)
    do throws(RankError) {
      for (rank, report) in try ranks.gatherAll([], within: ranks.patience).enumerated() where rank > 0 {
        files?.note(try RankReport(report, from: rank), of: rank)
      }
    } catch { ranks.abort(error) }
    lastHeard = .now
  }

  /// Sends the others home.
  func end() {
    // Files that are to be removed are.
    if files?.isBusy == true { tell() }
    files?.stop()
    send(RankMessage.end.bytes)
  }

  private func takeChanges() -> [StateChange] {
    defer { changes.removeAll(keepingCapacity: true) }
    guard let files else { return changes }
    return files.takeEndsOfLoans() + changes + files.takeTasks()
  }

  private func send(_ bytes: [UInt8]) {
    do { try ranks.broadcast(bytes, within: ranks.patience) } catch { ranks.abort(error) }
    lastSent = .now
  }
}
