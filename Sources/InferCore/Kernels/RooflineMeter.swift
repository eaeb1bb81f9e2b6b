internal import CKernels
internal import Synchronization

/// Measures a machine's `Roofline`, as often as asked: the bandwidth of a virtual machine changes with its
/// neighbours.
///
/// Holds 1 GiB of memory, or a quarter of the memory of a machine with less than 4 GiB.
package final class RooflineMeter {
  private static let pieceBytes = 4 << 20
  private static let words = pieceBytes / MemoryLayout<UInt64>.stride

  private let team: ThreadTeam
  private let pieces: Int
  private let memory: AnonymousMapping

  /// Reserves the memory, and starts `threads` threads less the calling one; they sleep between measurements.
  ///
  /// - Parameter threads: The number of threads, at least 1.
  /// - Throws: ``ModelError`` when there is no memory, or no thread.
  package init(threads: Int) throws(ModelError) {
    team = try ThreadTeam(count: threads, placement: .current)
    let pieces = min(1 << 30, MachineLimits.current.usableMemory / 4) / Self.pieceBytes
    self.pieces = pieces
    memory = try AnonymousMapping(byteCount: pieces * Self.pieceBytes)
    // Written before it is read: pages that nobody wrote are all the same page of zeros, which stays in cache.
    let first = unsafe memory.base.bindMemory(to: UInt64.self, capacity: pieces * Self.words)
    unsafe team.forEach(pieces) { piece, _ in
      unsafe (first + piece * Self.words).update(repeating: UInt64(piece + 1), count: Self.words)
    }
  }

  /// Measures each limit as the best of a few passes, in a fraction of a second. Other work on the machine lowers them.
  package func measure() -> Roofline {
    team.bindCaller()
    defer { team.releaseCaller() }
    return Roofline(
      bandwidth: measureBandwidth(), floatOperations: unsafe measurePeak(ck_peak_f32),
      byteOperations: unsafe measurePeak(ck_peak_i8),
      bfloatOperations: InstructionSet.multipliesBFloats ? unsafe measurePeak(ck_peak_bf16) : nil)
  }

  /// Streams through memory that is far larger than every cache.
  private func measureBandwidth() -> Double {
    let first = unsafe memory.base.assumingMemoryBound(to: UInt64.self)
    let sum = Atomic<UInt64>(0)
    let seconds = best(of: 4) {
      sum.store(0, ordering: .relaxed)
      unsafe team.forEach(pieces) { piece, _ in
        unsafe sum.wrappingAdd(ck_sum_words(first + piece * Self.words, Self.words), ordering: .relaxed)
      }
    }
    let expected = UInt64(Self.words) * UInt64(pieces * (pieces + 1) / 2)
    precondition(sum.load(ordering: .relaxed) == expected, "a sum over memory that is not that of its words")
    return Double(pieces * Self.pieceBytes) / seconds
  }

  /// Keeps every thread's units busy in pieces of about a millisecond.
  private func measurePeak(_ kernel: (_ rounds: Int, _ sum: UnsafeMutablePointer<Double>?) -> Double) -> Double {
    let (pieces, rounds) = (32 * team.count, 200_000)
    let operations = Monitor(0.0)
    let seconds = best(of: 3) {
      operations.withLock { $0 = 0 }
      unsafe team.forEach(pieces) { _, _ in
        var sum = 0.0
        let done = unsafe kernel(rounds, &sum)
        operations.withLock { $0 += done }
      }
    }
    return operations.withLock { $0 } / seconds
  }

  /// Seconds of the fastest of several calls.
  private func best(of passes: Int, _ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    return (0..<passes).map { _ in clock.measure(body).seconds }.min() ?? .infinity
  }
}
