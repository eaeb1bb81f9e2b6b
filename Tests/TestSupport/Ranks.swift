internal import Foundation
internal import InferCore

/// Runs a closure once for each of several ranks, on a thread for each, and returns the results in order of ranks.
package func onRanks<Success: Sendable>(
  _ count: Int, patience: Duration = .seconds(30),
  _ body: @escaping @Sendable (LocalCommunicator) throws -> Success
) throws -> [Success] {
  let results = Monitor<[Int: Result<Success, any Error>]>([:])
  for ranks in LocalCommunicator.ranks(count, patience: patience) {
    let thread = Thread {
      let result = Result { try body(ranks) }
      results.change { $0[ranks.rank] = result }
    }
    thread.stackSize = 8 << 20
    thread.start()
  }
  results.wait { $0.count == count }
  let finished = results.withLock { $0 }
  return try finished.sorted { $0.key < $1.key }.map { try $0.value.get() }
}
