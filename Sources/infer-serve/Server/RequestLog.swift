import DequeModule
import Foundation
import InferCore
import InferMetrics
import Logging

/// Requests and answers, whole, as JSON lines in a file, for those who want them.
///
/// Lines are made and written by a thread of their own. Those that wait for it are bounded: beyond that, and while the file
/// cannot be written, lines are dropped and counted, and no request waits.
final class RequestLog: @unchecked Sendable {
  // Safe because the file and the number of failures are touched by the thread alone.
  private typealias Line = (bytes: Int, make: @Sendable () -> [UInt8])

  private struct State {
    var lines: Deque<Line> = []
    var waitingBytes = 0
    var isWriting = false
    var isToReopen = false
    /// Lines that were dropped since there was last no room.
    var dropped = 0
  }

  private let state = Monitor(State())
  private let file: RotatingFile
  private let byteLimit: Int
  private let metrics: ServerMetrics
  private let logger: Logger

  // The thread's own.
  private var failures = 0

  /// - Parameters:
  ///   - byteLimit: Bytes of requests and answers that wait at most; one that is alone may be larger.
  init(_ file: RotatingFile, byteLimit: Int = 64 << 20, metrics: ServerMetrics, logger: Logger) {
    self.file = file
    self.byteLimit = byteLimit
    self.metrics = metrics
    self.logger = logger
    let thread = Thread { [self] in run() }
    thread.name = "infer-requests"
    thread.start()
  }

  /// Takes a line of about so many bytes, with its line break, which `make` makes later. Never waits.
  func write(bytes: Int, _ make: @escaping @Sendable () -> [UInt8]) {
    let (isTaken, isFirst) = state.change { state in
      guard state.lines.isEmpty || state.waitingBytes + bytes <= byteLimit else {
        state.dropped += 1
        return (false, state.dropped == 1)
      }
      state.lines.append((bytes, make))
      state.waitingBytes += bytes
      return (true, false)
    }
    if !isTaken { metrics.requestLogLinesDropped("queue").increment() }
    if isFirst { logger.warning("requests are not logged", metadata: ["reason": "the file is too slow"]) }
  }

  /// Lines that nobody has begun to write.
  var waitingLines: Int { state.withLock { $0.lines.count } }

  /// Goes on in the file that has the path now: whoever has moved the old one sends a signal then.
  func reopen() { state.change { $0.isToReopen = true } }

  /// Returns when all lines are written, or after a time.
  func flush(patience: Duration = .seconds(2)) {
    state.wait(until: .now + patience) { $0.lines.isEmpty && !$0.isWriting }
  }

  // MARK: The thread

  private func run() {
    while true {
      state.wait { !$0.lines.isEmpty || $0.isToReopen }
      let (line, reopens) = state.withLock { state in
        defer { state.isToReopen = false }
        state.isWriting = true
        return (state.lines.popFirst(), state.isToReopen)
      }
      if reopens { reopenFile() }
      if let line { put(line.make()) }
      let lost = state.change { state in
        state.isWriting = false
        state.waitingBytes -= line?.bytes ?? 0
        guard state.lines.isEmpty else { return 0 }
        defer { state.dropped = 0 }
        return state.dropped
      }
      if lost > 0 { logger.warning("requests are logged again", metadata: ["dropped": "\(lost)"]) }
    }
  }

  private func put(_ line: [UInt8]) {
    do throws(RotatingFile.Fault) {
      try file.write(line)
      if failures > 0 { logger.notice("requests are logged again", metadata: ["dropped": "\(failures)"]) }
      failures = 0
    } catch {
      if failures == 0 { logger.error("requests are not logged", metadata: ["error": "\(error)"]) }
      failures += 1
      metrics.requestLogLinesDropped("file").increment()
    }
  }

  private func reopenFile() {
    do throws(RotatingFile.Fault) {
      try file.reopen()
      logger.notice("request log opened", metadata: ["file": "\(file.path)"])
    } catch { logger.error("request log not opened", metadata: ["error": "\(error)"]) }
  }
}
