internal import Foundation
public import InferText

/// Why a file cannot be written.
public struct WriteError: DescribedError, Equatable {
  /// The file.
  public let path: String
  /// The system's reason.
  public let reason: String
  /// `true` when there is no room for the file.
  public let isOutOfSpace: Bool

  init(path: String, reason: String, isOutOfSpace: Bool = false) {
    self.path = path
    self.reason = reason
    self.isOutOfSpace = isOutOfSpace
  }

  /// One line for people.
  public var description: String { "cannot write \(path): \(reason)" }
}
