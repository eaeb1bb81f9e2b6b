import Foundation

/// The lines of standard input as they come, as bytes and without their line feeds.
struct InputLines {
  private var buffer: [UInt8] = []
  /// The start of the next line, and the end of its part that is known to hold no line feed.
  private var (start, searched) = (0, 0)
  private var isAtEnd = false
  private var chunk = [UInt8](repeating: 0, count: 65_536)

  /// The next line; `nil` behind the last.
  mutating func next() throws(CommandFailure) -> [UInt8]? {
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { (start, searched) = (end + 1, end + 1) }
        return Array(buffer[start..<end])
      }
      if isAtEnd {
        defer { (start, searched) = (buffer.count, buffer.count) }
        return start < buffer.count ? Array(buffer[start...]) : nil
      }
      buffer.removeFirst(start)
      (start, searched) = (0, buffer.count)
      try fill()
    }
  }

  /// Adds what there is of the input, and waits for some if there is none. `FileHandle` ends the process where it cannot
  /// read.
  private mutating func fill() throws(CommandFailure) {
    while true {
      let count = unsafe chunk.withUnsafeMutableBytes { unsafe read(STDIN_FILENO, $0.baseAddress, $0.count) }
      guard count < 0 else {
        buffer += chunk[..<count]
        isAtEnd = count == 0
        return
      }
      guard errno == EINTR else {
        throw CommandFailure("cannot read standard input: \(unsafe String(cString: strerror(errno)))")
      }
    }
  }

  /// Everything that standard input holds.
  static func all() throws(CommandFailure) -> [UInt8] {
    do { return Array(try FileHandle.standardInput.readToEnd() ?? Data()) } catch {
      throw CommandFailure("cannot read standard input: \(error.localizedDescription)")
    }
  }
}
