import DequeModule
import Foundation

/// Writes lines to a descriptor from a thread of its own, so that nobody waits for whoever reads them.
///
/// Lines wait in a buffer of bounded size. When it is full, further lines are dropped, and counted: once there is room
/// again, one line tells how many.
final class LineWriter: @unchecked Sendable {
  // Safe because everything that changes is touched under the condition's lock only.
  private let condition = NSCondition()
  private var lines: Deque<[UInt8]> = []
  private var bufferedBytes = 0
  private var dropped = 0
  /// The line that stands below all others; empty for none.
  private var status = ""
  private var hasThread = false
  private var isWriting = false
  /// Grows with everything that is written or given up.
  private var progress = 0
  private var describeDropped: @Sendable (Int) -> String = { "infer-serve: \($0) lines were dropped" }

  private let descriptor: Int32
  private let byteLimit: Int

  /// The process's standard error.
  static let standardError = LineWriter(descriptor: STDERR_FILENO)

  /// - Parameters:
  ///   - descriptor: Where to write.
  ///   - byteLimit: Bytes that wait to be written at most.
  init(descriptor: Int32, byteLimit: Int = 1 << 20) {
    self.descriptor = descriptor
    self.byteLimit = byteLimit
  }

  /// Takes what makes a line of how many were dropped.
  func describeDropped(_ describe: @escaping @Sendable (Int) -> String) {
    condition.withLock { describeDropped = describe }
  }

  /// Takes a line, without its line break. Returns whether there was room for it; never waits.
  @discardableResult func write(_ line: String) -> Bool {
    condition.withLock {
      // What stands below is written over, and again behind the line.
      let bytes = Array((status.isEmpty ? "\(line)\n" : "\(Self.eraseLine)\(line)\n\(status)").utf8)
      guard bufferedBytes + bytes.count <= byteLimit else {
        dropped += 1
        return false
      }
      append(bytes)
      return true
    }
  }

  /// Shows a line below all others on a terminal, in place of the one before; an empty one removes it. It is left out where
  /// writing does not keep up.
  func show(_ status: String) {
    condition.withLock {
      let bytes = Array((Self.eraseLine + status).utf8)
      guard status != self.status, status.isEmpty || bufferedBytes + bytes.count <= byteLimit / 2 else { return }
      self.status = status
      append(bytes)
    }
  }

  private static let eraseLine = "\r\u{1B}[K"

  private func append(_ bytes: [UInt8]) {
    lines.append(bytes)
    bufferedBytes += bytes.count
    if !hasThread {
      hasThread = true
      let thread = Thread { [self] in run() }
      thread.name = "infer-log"
      thread.start()
    }
    condition.broadcast()
  }

  /// Returns when everything is written, or when nothing has been for as long as `patience`. Lines that no thread has
  /// begun to write by then, because the system refuses one, are written here.
  func flush(patience: TimeInterval = 1) {
    let rest: [[UInt8]] = condition.withLock {
      var seen = progress
      var deadline = Date(timeIntervalSinceNow: patience)
      while !lines.isEmpty || isWriting {
        let isInTime = condition.wait(until: deadline)
        if progress != seen {
          seen = progress
          deadline = Date(timeIntervalSinceNow: patience)
        } else if !isInTime {
          if isWriting { return [] }
          defer { lines.removeAll() }
          return Array(lines)
        }
      }
      return []
    }
    for line in rest { put(line) }
  }

  private func run() {
    while true {
      let line = condition.withLock { () -> [UInt8] in
        while lines.isEmpty { condition.wait() }
        isWriting = true
        return lines.removeFirst()
      }
      put(line)
      condition.withLock {
        isWriting = false
        bufferedBytes -= line.count
        progress += 1
        if dropped > 0 {
          append(Array((describeDropped(dropped) + "\n").utf8))
          dropped = 0
        }
        condition.broadcast()
      }
    }
  }

  private func put(_ line: [UInt8]) {
    var rest = line[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
        condition.withLock { progress += 1 }
      } else if count < 0, errno == EAGAIN {
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&state, 1, -1)
      } else if count == 0 || errno != EINTR {
        // Nobody is left to be told.
        return
      }
    }
  }
}
