import DequeModule
import Foundation
import InferCore

/// Writes lines to a descriptor from a thread of its own, so that nobody waits for whoever reads them.
///
/// Lines wait in a buffer of bounded size. When it is full, further lines are dropped, and counted: once there is room
/// again, one line tells how many.
final class LineWriter: Sendable {
  private struct State {
    var lines: Deque<[UInt8]> = []
    var bufferedBytes = 0
    var dropped = 0
    /// The line that stands below all others; empty for none.
    var status = ""
    var hasThread = false
    var isWriting = false
    /// Grows with everything that is written or given up.
    var progress = 0
    var describeDropped: @Sendable (Int) -> String = { "infer-serve: \($0) lines were dropped" }

    var isDone: Bool { lines.isEmpty && !isWriting }

    mutating func append(_ bytes: [UInt8]) {
      lines.append(bytes)
      bufferedBytes += bytes.count
    }
  }

  private let state = Monitor(State())
  private let descriptor: Int32
  private let byteLimit: Int
  private let start: @Sendable (Thread) -> Void

  /// The process's standard error.
  static let standardError = LineWriter(descriptor: STDERR_FILENO)

  /// - Parameters:
  ///   - descriptor: Where to write.
  ///   - byteLimit: Bytes that wait to be written at most.
  ///   - start: Starts the thread that writes, if the system has one.
  init(
    descriptor: Int32, byteLimit: Int = 1 << 20, start: @escaping @Sendable (Thread) -> Void = { $0.start() }
  ) {
    self.descriptor = descriptor
    self.byteLimit = byteLimit
    self.start = start
  }

  /// Takes what makes a line of how many were dropped.
  func describeDropped(_ describe: @escaping @Sendable (Int) -> String) {
    state.withLock { $0.describeDropped = describe }
  }

  /// Takes a line, without its line break. Returns whether there was room for it; never waits.
  @discardableResult func write(_ line: String) -> Bool {
    state.change { state in
      // What stands below is written over, and again behind the line.
      let bytes = Array((state.status.isEmpty ? "\(line)\n" : "\(Self.eraseLine)\(line)\n\(state.status)").utf8)
      guard state.bufferedBytes + bytes.count <= byteLimit else {
        state.dropped += 1
        return false
      }
      append(bytes, to: &state)
      return true
    }
  }

  /// Shows a line below all others on a terminal, in place of the one before; an empty one removes it. It is left out where
  /// writing does not keep up.
  func show(_ status: String) {
    state.change { state in
      let bytes = Array((Self.eraseLine + status).utf8)
      guard status != state.status, status.isEmpty || state.bufferedBytes + bytes.count <= byteLimit / 2 else { return }
      state.status = status
      append(bytes, to: &state)
    }
  }

  private static let eraseLine = "\r\u{1B}[K"

  private func append(_ bytes: [UInt8], to state: inout State) {
    state.append(bytes)
    guard !state.hasThread else { return }
    state.hasThread = true
    let thread = Thread { [self] in run() }
    thread.name = "infer-log"
    start(thread)
  }

  /// Writes what waits, together with the thread, which the system may refuse or not have come to yet. Returns when
  /// everything is written, or when nothing has been for as long as `patience`, at most twice as long.
  func flush(patience: Duration = .seconds(1)) {
    var seen = -1
    while true {
      while writeNextLine(patience: patience) {}
      let now = state.withLock { (progress: $0.progress, isDone: $0.isDone) }
      guard !now.isDone, now.progress != seen else { return }
      seen = now.progress
      state.wait(until: .now + patience) { [seen] in !$0.isWriting || $0.progress != seen }
    }
  }

  private func run() {
    while true {
      state.wait { !$0.lines.isEmpty && !$0.isWriting }
      writeNextLine()
    }
  }

  /// Writes the line that has waited longest, unless another thread is writing. What could not be written within
  /// `patience` waits on, before all others.
  ///
  /// - Returns: Whether a line was written.
  @discardableResult private func writeNextLine(patience: Duration? = nil) -> Bool {
    let next = state.withLock { state -> [UInt8]? in
      guard !state.isWriting, let line = state.lines.popFirst() else { return nil }
      state.isWriting = true
      return line
    }
    guard let line = next else { return false }
    let rest = put(line, patience: patience)
    state.change { state in
      state.isWriting = false
      state.bufferedBytes -= line.count - rest.count
      guard rest.isEmpty else { return state.lines.prepend(Array(rest)) }
      state.progress += 1
      guard state.dropped > 0 else { return }
      state.append(Array((state.describeDropped(state.dropped) + "\n").utf8))
      state.dropped = 0
    }
    return rest.isEmpty
  }

  /// Writes until there has been no room for as long as `patience`, or without end. Returns what is left.
  private func put(_ line: [UInt8], patience: Duration?) -> ArraySlice<UInt8> {
    let timeout = patience.map { Int32(clamping: Int64($0 / .milliseconds(1))) } ?? -1
    var rest = line[...]
    while !rest.isEmpty {
      var descriptors = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      let ready = unsafe poll(&descriptors, 1, timeout)
      if ready == 0 { return rest }
      if ready < 0, errno == EINTR { continue }
      // A pipe that has room has room for as much as this.
      let count = unsafe rest.prefix(Int(PIPE_BUF)).withUnsafeBytes {
        unsafe Foundation.write(descriptor, $0.baseAddress, $0.count)
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        state.change { $0.progress += 1 }
      } else if count == 0 || errno != EINTR && errno != EAGAIN {
        // Nobody is left to be told.
        return []
      }
    }
    return rest
  }
}
