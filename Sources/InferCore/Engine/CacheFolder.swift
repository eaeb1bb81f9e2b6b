/// A folder on disk for what the prefix cache keeps, so that it outlives memory and the process.
public struct CacheFolder: Sendable {
  /// The folder's path. It is made if there is none.
  public var path: String
  /// The maximum size of all files in it, in MiB. What was used longest ago is removed first.
  public var maxMiB: Int
  /// Called with a warning when the folder cannot be used, once a minute at most, on a thread of the engine's.
  public var warn: @Sendable (String) -> Void

  /// Creates a description of a folder.
  public init(path: String, maxMiB: Int = 4096, warn: @escaping @Sendable (String) -> Void = { _ in }) {
    self.path = path
    self.maxMiB = maxMiB
    self.warn = warn
  }
}
