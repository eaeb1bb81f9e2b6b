import Foundation

/// The lines of standard input as they come, as bytes and without their line feeds.
struct InputLines: Sequence, IteratorProtocol {
  private let input = FileHandle.standardInput
  private var buffer: [UInt8] = []
  /// Where the next line starts, and up to where it is known to hold no line feed.
  private var (start, searched) = (0, 0)
  private var isAtEnd = false

  mutating func next() -> [UInt8]? {
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
      let data = input.availableData
      isAtEnd = data.isEmpty
      buffer += data
    }
  }

  /// Everything that standard input holds.
  static func all() throws(CommandFailure) -> [UInt8] {
    do { return Array(try FileHandle.standardInput.readToEnd() ?? Data()) } catch {
      throw CommandFailure("cannot read standard input: \(error.localizedDescription)")
    }
  }
}
