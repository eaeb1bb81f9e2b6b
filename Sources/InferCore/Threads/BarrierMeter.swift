internal import CKernels
internal import Synchronization

/// The cost to threads of beginning and ending together.
package struct BarrierCost: Sendable, Equatable {
  /// Seconds of a region with an item for each thread and nothing to do.
  package var region: Double
  /// Seconds in which a cache line goes from one thread to another and back; `nil` for a single thread.
  package var roundTrip: Double?
  /// Seconds of an addition to a word that another thread adds to as well; `nil` for a single thread.
  package var sharedAdd: Double?
}

/// Measures a team's `BarrierCost`.
package final class BarrierMeter {
  /// The maximum number of regions, and of a line's round trips.
  private static let rounds = 20_000
  /// The number of additions of each thread.
  private static let adds = 200_000
  /// The maximum time of a measurement: where threads have to wait for processors, everything takes long.
  private static let longest = Duration.milliseconds(200)

  private let team: ThreadTeam

  /// Starts `threads` threads less the calling one.
  ///
  /// - Parameter threads: The number of threads, at least 1.
  /// - Throws: ``ModelError/outOfThreads(_:)``.
  package init(threads: Int) throws(ModelError) { team = try ThreadTeam(count: threads, placement: .current) }

  /// Measures each cost as the average of up to some thousands, in a fraction of a second.
  package func measure() -> BarrierCost {
    team.bindCaller()
    defer { team.releaseCaller() }
    let region = region()
    guard team.count > 1 else { return BarrierCost(region: region) }
    return BarrierCost(region: region, roundTrip: roundTrip(), sharedAdd: sharedAdd())
  }

  private func region() -> Double {
    let (count, start) = (team.count, ContinuousClock.now)
    var rounds = 0
    while rounds < Self.rounds, rounds % 100 != 0 || .now - start < Self.longest {
      unsafe team.forEach(count) { _, _ in }
      rounds += 1
    }
    return (.now - start).seconds / Double(rounds)
  }

  /// Two threads raise a word in turn. `nil` when one of them had no processor for so long that nothing was measured.
  private func roundTrip() -> Double? {
    let (line, start) = (PaddedLines<Void>(count: 1), ContinuousClock.now)
    unsafe team.forEach(2) { item, _ in
      for round in 0..<Self.rounds {
        var turns = 0
        while unsafe line[0].pointee.word.load(ordering: .acquiring) != 2 * round + item {
          turns += 1
          // The other thread has no processor, or has left for the same reason.
          if turns % 4096 == 0, .now - start > Self.longest { return }
          spinHint()
        }
        unsafe line[0].pointee.word.store(2 * round + item + 1, ordering: .releasing)
      }
    }
    let seconds = (.now - start).seconds
    let trips = unsafe line[0].pointee.word.load(ordering: .relaxed) / 2
    return trips > 0 ? seconds / Double(trips) : nil
  }

  /// Two threads add to one word as fast as they can.
  private func sharedAdd() -> Double {
    let (line, start) = (PaddedLines<Void>(count: 1), ContinuousClock.now)
    unsafe team.forEach(2) { _, _ in
      for _ in 0..<Self.adds {
        unsafe line[0].pointee.word.wrappingAdd(1, ordering: .sequentiallyConsistent)
      }
    }
    return (.now - start).seconds / Double(2 * Self.adds)
  }
}
