public import Foundation

/// A folder that is removed with the object.
public final class TemporaryFolder: Sendable {
  /// Where it is.
  public let url: URL

  /// Creates an empty folder.
  ///
  /// - Parameter inMemory: `true` for one without a disk, where the system has such: for thousands of files.
  public init(inMemory: Bool = false) throws {
    let memory = URL(filePath: "/dev/shm")
    let hasMemory = inMemory && FileManager.default.isWritableFile(atPath: memory.path)
    let parent = hasMemory ? memory : FileManager.default.temporaryDirectory
    url = parent.appending(path: "infer-serve-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Writes a file and returns its place.
  @discardableResult
  public func write(_ name: String, _ bytes: some Collection<UInt8>) throws -> URL {
    let file = url.appending(path: name)
    try Data(bytes).write(to: file)
    return file
  }

  /// Writes a text and returns its place.
  @discardableResult
  public func write(_ name: String, _ text: String) throws -> URL { try write(name, Array(text.utf8)) }
}
