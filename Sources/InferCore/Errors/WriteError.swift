/// Why a file cannot be written.
public struct WriteError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// The system's reason.
  public let reason: String

  /// One line for people.
  public var description: String { "cannot write \(path): \(reason)" }
}
