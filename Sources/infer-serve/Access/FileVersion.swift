import Foundation

/// What tells a file from what it was before: another file under its name, another length or time.
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
