import Foundation

/// The lines of a file, with errors that name the file and the line.
struct TraceFile {
  let path: String
  /// Everything that the file holds.
  let bytes: [UInt8]

  init(path: String, bytes: [UInt8]) {
    self.path = path
    self.bytes = bytes
  }

  /// Reads a file.
  init(path: String) throws(CommandFailure) {
    do { self.init(path: path, bytes: Array(try Data(contentsOf: URL(fileURLWithPath: path)))) } catch {
      throw CommandFailure("cannot read \(path): \(error.localizedDescription)")
    }
  }

  /// The lines that are not blank with their numbers, from 1 on; without line breaks, and without a byte order mark.
  var lines: [(number: Int, bytes: ArraySlice<UInt8>)] {
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let start = bytes.starts(with: mark) ? mark.count : 0
    return bytes[start...].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated()
      .compactMap { offset, line in
        let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
        let isBlank = line.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        return isBlank ? nil : (offset + 1, line)
      }
  }

  /// The failure of a line.
  func failure(line: Int, _ reason: String) -> CommandFailure { CommandFailure("\(path):\(line): \(reason)") }

  /// The failure of the file as a whole.
  func failure(_ reason: String) -> CommandFailure { CommandFailure("\(path): \(reason)") }

  /// A text for an error message: in quotation marks, and its beginning only.
  static func quoted(_ bytes: some Collection<UInt8>) -> String {
    let text = String(decoding: bytes.prefix(60), as: UTF8.self)
    return "\"\(text)\(bytes.count > 60 ? "…" : "")\""
  }
}
