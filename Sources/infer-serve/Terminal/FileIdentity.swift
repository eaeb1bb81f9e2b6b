import Foundation

/// The file behind a path, which tells it from another that has taken its place.
struct FileIdentity: Sendable, Equatable {
  private let device: UInt64
  private let number: UInt64

  /// The file at a path; `nil` where there is none. Follows links.
  init?(_ path: String) {
    let path = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
      let device = (attributes[.systemNumber] as? NSNumber)?.uint64Value,
      let number = (attributes[.systemFileNumber] as? NSNumber)?.uint64Value
    else { return nil }
    self.device = device
    self.number = number
  }
}
