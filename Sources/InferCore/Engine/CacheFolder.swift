public import Foundation

/// A folder on disk for what the prefix cache keeps, so that it outlives memory and the process.
public struct CacheFolder: Sendable {
  /// The maximum size where none is given, in MiB.
  public static let defaultMaxMiB = 4096

  /// The folder. It is made if there is none.
  public var url: URL
  /// The maximum size of all files in it, in MiB. What was used longest ago is removed first.
  public var maxMiB: Int
  /// Called with a warning when the folder cannot be used, once a minute at most, on a thread of the engine's.
  public var warn: @Sendable (String) -> Void

  /// Creates a description of a folder.
  public init(_ url: URL, maxMiB: Int = defaultMaxMiB, warn: @escaping @Sendable (String) -> Void = { _ in }) {
    self.url = url
    self.maxMiB = maxMiB
    self.warn = warn
  }
}
