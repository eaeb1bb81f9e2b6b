import InferCore
import NIOPosix

/// Threads for decoding, rendering and tokenising large requests, beside the pool that answers about the server's health and
/// the event loop that writes streams.
///
/// Fewer than there are processors, so that such work leaves room for all other; first come, first served.
final class RequestWorkers: Sendable {
  /// A body of so many bytes takes less than a millisecond, and does not wait behind large ones.
  static let smallBody = 16 << 10
  /// Requests that wait or are worked on at most.
  private static let limit = 256

  private let pool: NIOThreadPool
  private let count = Monitor(0)

  /// Starts the threads.
  init(processors: Int) {
    pool = NIOThreadPool(numberOfThreads: max(1, processors - 1))
    pool.start()
  }

  /// Runs `work` on one of the threads, or here if it is small.
  func run<Result: Sendable>(
    bytes: Int, _ work: @escaping @Sendable () throws(APIError) -> Result
  ) async throws(APIError) -> Result {
    guard bytes > Self.smallBody else { return try work() }
    let hasRoom = count.withLock { count in
      guard count < Self.limit else { return false }
      count += 1
      return true
    }
    guard hasRoom else { throw .tooManyBodies }
    defer { count.withLock { $0 -= 1 } }
    let result: Swift.Result<Result, APIError>
    do {
      result = try await pool.runIfActive {
        do throws(APIError) { return .success(try work()) } catch { return .failure(error) }
      }
    } catch {
      // Cancelled with its connection, or the pool has ended with the server.
      throw .clientGone
    }
    return try result.get()
  }
}
