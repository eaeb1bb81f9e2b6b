/// A JSON value that is read as it comes.
struct ScannedJSON: Sendable {
  private var scanner = JSONScanner()

  /// Reads as much of the value as there is. Line breaks in strings, which JSON does not allow, are escaped.
  mutating func scan(_ text: inout PendingText) -> (String, JSONScanner.Progress) {
    var piece = ""
    var offset = 0
    while offset < text.count {
      let byte = text[offset]
      let isRawControl = scanner.isInString && byte < 0x20
      let progress = scanner.advance(byte)
      if case .more = progress {
        if isRawControl {
          piece += text.take(offset) + Self.escaped(byte)
          text.skip(1)
          offset = 0
        } else {
          offset += 1
        }
        continue
      }
      if case .complete = progress { offset += 1 }
      return (piece + text.take(offset), progress)
    }
    return (piece + text.take(offset), .more)
  }

  private static func escaped(_ byte: UInt8) -> String {
    String(JSONValue.string(String(Unicode.Scalar(byte))).serialized().dropFirst().dropLast())
  }
}
