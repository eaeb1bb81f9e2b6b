import DequeModule
import Foundation
import InferMetrics
import Logging

/// Requests and answers, whole, as JSON lines in a file, for those who want them.
///
/// Lines are made and written by a thread of their own. Those that wait for it are bounded: beyond that, and while the file
/// cannot be written, lines are dropped and counted, and no request waits.
final class RequestLog: @unchecked Sendable {
  // Safe because everything that changes is touched under the condition's lock, and the file by the thread alone.
  private typealias Line = (bytes: Int, make: @Sendable () -> [UInt8])

  private let condition = NSCondition()
  private var lines: Deque<Line> = []
  private var waitingBytes = 0
  private var isWriting = false
  private var isToReopen = false
  /// Lines that were dropped since there was last no room.
  private var dropped = 0

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
    let (isTaken, isFirst) = condition.withLock {
      guard lines.isEmpty || waitingBytes + bytes <= byteLimit else {
        dropped += 1
        return (false, dropped == 1)
      }
      lines.append((bytes, make))
      waitingBytes += bytes
      condition.broadcast()
      return (true, false)
    }
    if !isTaken { metrics.requestLogLinesDropped("queue").increment() }
    if isFirst { logger.warning("requests are not logged", metadata: ["reason": "the file is too slow"]) }
  }

  /// Lines that nobody has begun to write.
  var waitingLines: Int { condition.withLock { lines.count } }

  /// Goes on in the file that has the path now: whoever has moved the old one sends a signal then.
  func reopen() {
    condition.withLock {
      isToReopen = true
      condition.broadcast()
    }
  }

  /// Returns when all lines are written, or after so many seconds.
  func flush(patience: TimeInterval = 2) {
    let deadline = Date(timeIntervalSinceNow: patience)
    condition.withLock {
      while !lines.isEmpty || isWriting { guard condition.wait(until: deadline) else { return } }
    }
  }

  // MARK: The thread

  private func run() {
    while true {
      let (line, reopens) = condition.withLock { () -> (Line?, Bool) in
        while lines.isEmpty && !isToReopen { condition.wait() }
        defer { isToReopen = false }
        isWriting = true
        return (lines.popFirst(), isToReopen)
      }
      if reopens { reopenFile() }
      if let line { put(line.make()) }
      let lost = condition.withLock {
        isWriting = false
        waitingBytes -= line?.bytes ?? 0
        condition.broadcast()
        guard lines.isEmpty else { return 0 }
        defer { dropped = 0 }
        return dropped
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
