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
    thread.start()
  }

  /// Returns when everything is written, or when nothing has been for as long as `patience`. Lines that no thread has
  /// begun to write by then, because the system refuses one, are written here.
  func flush(patience: Duration = .seconds(1)) {
    var seen = -1
    while true {
      let now = state.withLock { (progress: $0.progress, isDone: $0.isDone) }
      guard !now.isDone, now.progress != seen else { break }
      seen = now.progress
      state.wait(until: .now + patience) { [seen] in $0.isDone || $0.progress != seen }
    }
    let rest: Deque<[UInt8]> = state.withLock { state in
      guard !state.isWriting else { return [] }
      defer { (state.lines, state.bufferedBytes) = ([], 0) }
      return state.lines
    }
    for line in rest { put(line) }
  }

  private func run() {
    while true {
      state.wait { !$0.lines.isEmpty }
      let line = state.withLock { state in
        // Somebody who has waited long enough may have taken it.
        guard let line = state.lines.popFirst() else { return [UInt8]() }
        state.isWriting = true
        return line
      }
      put(line)
      state.change { state in
        state.isWriting = false
        state.bufferedBytes -= line.count
        state.progress += 1
        guard state.dropped > 0 else { return }
        state.append(Array((state.describeDropped(state.dropped) + "\n").utf8))
        state.dropped = 0
      }
    }
  }

  private func put(_ line: [UInt8]) {
    var rest = line[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
        state.change { $0.progress += 1 }
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
