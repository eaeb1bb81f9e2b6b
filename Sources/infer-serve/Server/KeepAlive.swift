import Hummingbird
import InferCore
import NIOCore

/// Writes bytes that readers pass over to a stream whenever nothing else has been written for a while, so that neither a
/// client nor a proxy between takes a long prompt or a full queue for a server that is gone.
final class KeepAlive: Sendable {
  /// A stream's writer, for several tasks: it holds nothing but NIO's, which takes bytes from many.
  private struct SharedWriter: @unchecked Sendable {
    var writer: any ResponseBodyWriter
  }

  /// When the last write ended; nil during one.
  private final class LastWrite: Sendable {
    let time = Monitor<ContinuousClock.Instant?>(.now)
  }

  private let last = LastWrite()
  private let task = Monitor<Task<Void, Never>?>(nil)

  /// Begins, until ``stop()``. An interval of zero is for never.
  init(_ writer: any ResponseBodyWriter, _ bytes: ByteBuffer, every interval: Duration) {
    guard interval > .zero else { return }
    let shared = SharedWriter(writer: writer)
    task.withLock { [last] in $0 = Task { await Self.run(shared, bytes, interval, last) } }
  }

  deinit { task.withLock { $0?.cancel() } }

  private static func run(
    _ shared: SharedWriter, _ bytes: ByteBuffer, _ interval: Duration, _ last: LastWrite
  ) async {
    var shared = shared
    var sign = ContinuousClock.now
    do {
      while true {
        await Alarm.wait(until: max(last.time.withLock { $0 } ?? .now, sign) + interval)
        try Task.checkCancellation()
        // Bytes that are being written, or came meanwhile, are sign enough.
        guard let time = last.time.withLock({ $0 }), ContinuousClock.now - time >= interval else { continue }
        try await shared.writer.write(bytes)
        sign = .now
      }
    } catch {
      // Stopped, or the client is gone, of which others hear as well.
    }
  }

  /// Writes what is to be told.
  @concurrent func write(_ bytes: ByteBuffer, to writer: inout any ResponseBodyWriter) async throws {
    last.time.withLock { $0 = nil }
    defer { noteWrite() }
    try await writer.write(bytes)
  }

  /// Notes that something has been written.
  func noteWrite() { last.time.withLock { $0 = .now } }

  /// Ends; nothing is written afterwards.
  func stop() async {
    let task = task.withLock { $0 }
    task?.cancel()
    await task?.value
  }
}
