internal import Foundation

/// Why a text is not the JSON it should be, and where.
public struct JSONError: DescribedError, Equatable {
  /// The expectation or the offence, for example `expected ',' or '}', found ']'`.
  public let reason: String
  /// Offset in bytes from the start of the input.
  public let offset: Int
  /// One-based line, counting line feeds.
  public let line: Int
  /// One-based column, counting bytes since the last line feed.
  public let column: Int

  init(_ reason: String, at offset: Int, in bytes: [UInt8]) {
    let before = bytes[..<min(offset, bytes.count)]
    self.reason = reason
    self.offset = offset
    line = before.count { $0 == UInt8(ascii: "\n") } + 1
    column = offset - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
  }

  /// One line with the place and the reason.
  public var description: String { "invalid JSON at line \(line), column \(column): \(reason)" }
}
