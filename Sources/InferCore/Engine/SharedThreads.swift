/// One team of threads for several engines, which have it for a step at a time.
///
/// Engines with work to do share its time by their weights; one that is alone has all of it.
public final class SharedThreads: @unchecked Sendable {
  // Safe because `turns` is read and written with the lock held only.
  private var turns = TurnQueue()
  private let lock = ConditionLock()
  fileprivate let team: ThreadTeam

  /// The number of threads, that of the engine whose turn it is included.
  public var count: Int { team.count }

  /// Starts the threads.
  ///
  /// - Parameter count: Threads to compute with, 1 to 1024.
  /// - Throws: ``ConfigurationError`` when the system refuses a thread.
  public init(count: Int) throws(ConfigurationError) {
    guard (1...1024).contains(count) else {
      throw ConfigurationError(.threads, reason: "must be between 1 and 1024, not \(count)")
    }
    do { team = try ThreadTeam(count: count, placement: .current) } catch {
      throw ConfigurationError(.threads, reason: "cannot be \(count): \(error)")
    }
  }

  /// A share for one engine.
  ///
  /// - Parameter weight: Its part of the time beside that of the others, greater than 0 and finite.
  public func share(weight: Double = 1) -> ThreadShare {
    ThreadShare(self, lock.withLock { turns.add(weight: weight) })
  }

  fileprivate func begin(_ index: Int) {
    lock.wait {
      turns.wait(index)
      return turns.take(index)
    }
  }

  fileprivate func end(_ seconds: Double) {
    if lock.withLock({ turns.use(seconds: seconds) }) { lock.wakeAll() }
  }

  fileprivate func rest(_ index: Int) {
    if lock.withLock({ turns.rest(index) }) { lock.wakeAll() }
  }

  fileprivate func remove(_ index: Int) {
    rest(index)
    lock.withLock { turns.remove(index) }
  }
}

/// An engine's share of the time of ``SharedThreads``.
public final class ThreadShare: @unchecked Sendable {
  // Safe because one engine has it, whose thread alone begins and ends turns.
  private let threads: SharedThreads
  private let index: Int
  /// When the turn's use began; `nil` while the team is not used.
  private var start: ContinuousClock.Instant?

  fileprivate init(_ threads: SharedThreads, _ index: Int) {
    (self.threads, self.index) = (threads, index)
  }

  deinit { threads.remove(index) }

  /// The team, which may be used between ``begin()`` and ``end(at:)`` alone.
  var team: ThreadTeam { threads.team }

  /// Waits for the turn. Returns when it begins.
  @discardableResult func begin() -> ContinuousClock.Instant {
    threads.begin(index)
    team.bindCaller()
    let now = ContinuousClock.now
    start = now
    return now
  }

  /// Ends the use of the team. The turn goes on until another share is to have it.
  func end(at now: ContinuousClock.Instant) {
    guard let start else { return }
    self.start = nil
    team.releaseCaller()
    threads.end((now - start).seconds)
  }

  /// Leaves the team to others while there is nothing to do.
  func rest() {
    end(at: .now)
    threads.rest(index)
  }

  /// Uses the team, in the turn that is under way or in one of its own.
  func withTurn(_ body: (ThreadTeam) -> Void) {
    guard start == nil else { return body(team) }
    begin()
    body(team)
    end(at: .now)
  }
}
