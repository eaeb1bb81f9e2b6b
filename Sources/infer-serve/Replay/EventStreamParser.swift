/// Takes a stream of server-sent events apart, as the HTML standard says, however it is cut into pieces.
struct EventStreamParser {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// More bytes of one event are refused.
  private let limit: Int
  private var line: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false
  /// Whether the last byte was a carriage return, which ends a line with or without a line feed.
  private var endedWithReturn = false

  init(limit: Int = 16 << 20) { self.limit = limit }

  /// Takes the next piece and returns the data of the events that it completes.
  mutating func take(_ bytes: some Sequence<UInt8>) throws(Failure) -> [[UInt8]] {
    var events: [[UInt8]] = []
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\n") where endedWithReturn: endedWithReturn = false
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        endedWithReturn = byte == UInt8(ascii: "\r")
        if let event = endLine() { events.append(event) }
      default:
        endedWithReturn = false
        line.append(byte)
      }
    }
    guard line.count + data.count <= limit else { throw Failure(description: "an event of more than \(limit) bytes") }
    return events
  }

  /// The data of an event that the stream ended in, if its lines are whole: some servers end with no blank line.
  mutating func finish() -> [UInt8]? { line.isEmpty && hasData ? endEvent() : nil }

  private mutating func endLine() -> [UInt8]? {
    defer { line.removeAll(keepingCapacity: true) }
    if line.isEmpty { return hasData ? endEvent() : nil }
    guard line.starts(with: "data".utf8) else { return nil }
    var value = line[4...]
    guard value.first == UInt8(ascii: ":") || value.isEmpty else { return nil }
    value = value.dropFirst()
    if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
    if hasData { data.append(UInt8(ascii: "\n")) }
    data += value
    hasData = true
    return nil
  }

  private mutating func endEvent() -> [UInt8] {
    defer { (data, hasData) = ([], false) }
    return data
  }
}
