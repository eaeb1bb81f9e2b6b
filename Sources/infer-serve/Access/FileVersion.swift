import Foundation

/// The version of a file: its number, its length and the time of its last change.
struct FileVersion: Equatable, Sendable {
  private let number: UInt64
  private let size: UInt64
  private let modified: Date?

  /// The version of a file; `nil` where there is none. Follows links.
  init?(_ url: URL) {
    let path = url.resolvingSymlinksInPath().path(percentEncoded: false)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path) else { return nil }
    number = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value ?? 0
    size = (attributes[.size] as? NSNumber)?.uint64Value ?? 0
    modified = attributes[.modificationDate] as? Date
  }
}
