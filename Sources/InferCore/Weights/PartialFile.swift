import Foundation

/// A file that grows under another name and gets its own when it is complete, so that a file of that name is always
/// whole.
final class PartialFile {
  /// The name that it gets.
  let path: String
  private let partialPath: String
  private let handle: FileHandle

  /// Creates the file with its first bytes.
  ///
  /// - Throws: ``WriteError`` when it cannot be written, or when something other than a file has its name.
  init(path: String, beginningWith head: Data) throws(WriteError) {
    try Self.checkReplaceable(path)
    self.path = path
    partialPath = "\(path).partial-\(UUID())"
    do {
      try head.write(to: URL(filePath: partialPath))
      handle = try FileHandle(forWritingTo: URL(filePath: partialPath))
      try handle.seekToEnd()
    } catch {
      throw WriteError(path: path, reason: error.localizedDescription)
    }
  }

  /// Makes the file this long; what was not written reads as zeros.
  func resize(to byteCount: UInt64) throws(WriteError) {
    do { try handle.truncate(atOffset: byteCount) } catch {
      throw WriteError(path: path, reason: error.localizedDescription)
    }
  }

  /// Writes some bytes at a place, or behind the last ones written.
  func write(_ bytes: Data, at offset: UInt64? = nil) throws(WriteError) {
    do {
      if let offset { try handle.seek(toOffset: offset) }
      try handle.write(contentsOf: bytes)
    } catch {
      throw WriteError(path: path, reason: error.localizedDescription)
    }
  }

  /// Completes the file and gives it its name.
  func finish() throws(WriteError) {
    do { try handle.close() } catch {
      throw WriteError(path: path, reason: error.localizedDescription)
    }
    // Replaces a file in one go, and fails on a folder.
    guard unsafe rename(partialPath, path) == 0 else {
      throw WriteError(path: path, reason: systemErrorText())
    }
  }

  /// Removes what was written.
  func abandon() { try? FileManager.default.removeItem(atPath: partialPath) }

  /// Refuses what must not be replaced: a folder and all it holds, a device, a pipe.
  private static func checkReplaceable(_ path: String) throws(WriteError) {
    let target = URL(filePath: path).resolvingSymlinksInPath().path
    let type = try? FileManager.default.attributesOfItem(atPath: target)[.type] as? FileAttributeType
    guard let type, type != .typeRegular else { return }
    throw WriteError(path: path, reason: type == .typeDirectory ? "it is a directory" : "it is not a regular file")
  }
}

/// Why a file cannot be written.
public struct WriteError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What the system said.
  public let reason: String

  /// One line for people.
  public var description: String { "cannot write \(path): \(reason)" }
}
