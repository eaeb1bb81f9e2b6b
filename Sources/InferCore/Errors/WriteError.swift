public import Foundation
public import InferText

/// Why a file cannot be written.
public struct WriteError: DescribedError, Equatable {
  /// The file.
  public let url: URL
  /// The system's reason.
  public let reason: String
  /// `true` when there is no room for the file.
  public let isOutOfSpace: Bool

  init(at url: URL, reason: String, isOutOfSpace: Bool = false) {
    self.url = url
    self.reason = reason
    self.isOutOfSpace = isOutOfSpace
  }

  /// One line for people.
  public var description: String { "cannot write \(url.displayPath): \(reason)" }
}
