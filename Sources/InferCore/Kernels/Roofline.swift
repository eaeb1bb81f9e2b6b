internal import CKernels
internal import Synchronization

/// What this machine can do at most with a number of threads: the limits that a model's speed is judged by (the
/// roofline model: Williams, Waterman & Patterson 2009).
public struct Roofline: Sendable, Equatable {
  /// Bytes a second that all threads together read from memory.
  public let bandwidth: Double
  /// Floating-point operations a second in 32 bits; a multiply-add counts two.
  public let floatOperations: Double
  /// Operations a second of 8-bit dot products that add up in 32 bits; a multiply-add counts two.
  public let byteOperations: Double

  /// Creates limits; see the properties.
  public init(bandwidth: Double, floatOperations: Double, byteOperations: Double) {
    self.bandwidth = bandwidth
    self.floatOperations = floatOperations
    self.byteOperations = byteOperations
  }

  /// Measures the limits with `threads` threads: the best of several passes each, in about a second.
  ///
  /// Takes 1 GiB of memory meanwhile, of a machine with less than 4 GiB a quarter. What else runs on the machine
  /// lowers the result.
  ///
  /// - Throws: ``ModelError`` when there is no memory.
  public static func measure(threads: Int) throws(ModelError) -> Roofline {
    let team = ThreadTeam(count: threads)
    return Roofline(
      bandwidth: try measureBandwidth(team), floatOperations: unsafe measurePeak(team, ck_peak_f32),
      byteOperations: unsafe measurePeak(team, ck_peak_i8))
  }

  /// Streams through memory that is far larger than every cache.
  private static func measureBandwidth(_ team: ThreadTeam) throws(ModelError) -> Double {
    let pieceBytes = 4 << 20
    let pieces = min(1 << 30, machineMemoryBytes() / 4) / pieceBytes
    let memory = try AnonymousMapping(byteCount: pieces * pieceBytes)
    let words = pieceBytes / MemoryLayout<UInt64>.stride
    // Written before it is read: pages that nobody wrote are all the same page of zeros, which stays in cache.
    let first = unsafe memory.base.bindMemory(to: UInt64.self, capacity: pieces * words)
    team.forEach(pieces) { piece, _ in
      unsafe (first + piece * words).update(repeating: UInt64(piece + 1), count: words)
    }
    let sum = Atomic<UInt64>(0)
    let seconds = best(of: 8) {
      sum.store(0, ordering: .relaxed)
      team.forEach(pieces) { piece, _ in
        unsafe sum.wrappingAdd(ck_sum_words(first + piece * words, words), ordering: .relaxed)
      }
    }
    let expected = UInt64(words) * UInt64(pieces * (pieces + 1) / 2)
    precondition(sum.load(ordering: .relaxed) == expected, "a sum over memory that is not that of its words")
    return Double(pieces * pieceBytes) / seconds
  }

  /// Keeps every thread's units busy in pieces of about a millisecond.
  private static func measurePeak(
    _ team: ThreadTeam, _ kernel: (_ rounds: Int, _ sum: UnsafeMutablePointer<Double>?) -> Double
  ) -> Double {
    let (pieces, rounds) = (32 * team.count, 200_000)
    let operations = Mutex(0.0)
    let seconds = best(of: 5) {
      operations.withLock { $0 = 0 }
      team.forEach(pieces) { _, _ in
        var sum = 0.0
        let done = unsafe kernel(rounds, &sum)
        operations.withLock { $0 += done }
      }
    }
    return operations.withLock { $0 } / seconds
  }

  /// Seconds of the fastest of several calls.
  private static func best(of passes: Int, _ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    return (0..<passes).map { _ in clock.measure(body).seconds }.min() ?? .infinity
  }
}
