import Foundation

/// Moments as RFC 3339 writes them.
enum Timestamp {
  /// The moment of a text like `2027-01-31T12:00:00+02:00`, whose seconds may have a fraction; `nil` for anything else.
  static func date(_ text: String) -> Date? {
    // The library reads years of any length.
    guard text.utf8.count <= maximumBytes, text.utf8.prefix(4).allSatisfy({ (0x30...0x39).contains($0) }),
      text.utf8.dropFirst(4).first == UInt8(ascii: "-")
    else { return nil }
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions = [.withInternetDateTime]
    if let date = formatter.date(from: text) { return date }
    formatter.formatOptions.insert(.withFractionalSeconds)
    return formatter.date(from: text)
  }

  /// Bytes of a moment's text at most.
  private static let maximumBytes = 64

  /// The text of a moment in universal time, to a second.
  static func text(_ date: Date) -> String { date.ISO8601Format() }
}
