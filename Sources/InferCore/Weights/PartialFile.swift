import Foundation

/// A file that is written under another name and gets its own when it is complete, so that a file of that name is
/// always whole. The file is removed if this object goes away before.
final class PartialFile {
  /// The complete file.
  let url: URL
  private let partial: URL
  private let handle: FileHandle

  /// The separator of a file's name and the rest of the name that it has until it is complete.
  fileprivate static let partialMark = ".partial-"

  /// This process's files that are not complete.
  fileprivate static let unfinished = Monitor<Set<URL>>([])

  /// Creates the file with its first bytes.
  ///
  /// - Throws: ``WriteError`` when it cannot be written, or when something other than a file has its name.
  init(at url: URL, beginningWith head: Data) throws(WriteError) {
    try Self.checkReplaceable(url)
    self.url = url
    let partial = URL(filePath: "\(url.path(percentEncoded: false))\(Self.partialMark)\(UUID())")
    self.partial = partial
    Self.unfinished.withLock { _ = $0.insert(partial) }
    do {
      try head.write(to: partial)
      handle = try FileHandle(forWritingTo: partial)
      try handle.seekToEnd()
    } catch {
      Self.remove(partial)
      throw WriteError(at: url, error)
    }
  }

  deinit { Self.remove(partial) }

  /// Removes a file that is not complete.
  private static func remove(_ partial: URL) {
    unfinished.withLock { unfinished in
      if unfinished.remove(partial) != nil { try? FileManager.default.removeItem(at: partial) }
    }
  }

  /// Sets the length of the file. Bytes that were not written read as zeros.
  func resize(to byteCount: UInt64) throws(WriteError) {
    do { try handle.truncate(atOffset: byteCount) } catch {
      throw WriteError(at: url, error)
    }
  }

  /// Writes bytes at an offset, or after the last ones written.
  func write(_ bytes: Data, at offset: UInt64? = nil) throws(WriteError) {
    do {
      if let offset { try handle.seek(toOffset: offset) }
      try handle.write(contentsOf: bytes)
    } catch {
      throw WriteError(at: url, error)
    }
  }

  /// Completes the file and gives it its name.
  ///
  /// - Parameter isSafe: `true` when the bytes have to be on the disk before the name is there, so that the file is whole
  ///   after a failure of the machine as well.
  func finish(isSafe: Bool = false) throws(WriteError) {
    do {
      if isSafe { try handle.synchronize() }
      try handle.close()
    } catch {
      throw WriteError(at: url, error)
    }
    // Replaces a file in one go, and fails on a folder.
    guard unsafe rename(partial.path, url.path(percentEncoded: false)) == 0 else {
      throw WriteError(at: url, reason: systemErrorText())
    }
    Self.unfinished.withLock { _ = $0.remove(partial) }
  }

  /// Refuses to replace a folder, a device or a pipe.
  private static func checkReplaceable(_ url: URL) throws(WriteError) {
    let target = url.resolvingSymlinksInPath().path
    let type = try? FileManager.default.attributesOfItem(atPath: target)[.type] as? FileAttributeType
    guard let type, type != .typeRegular else { return }
    throw WriteError(at: url, reason: type == .typeDirectory ? "it is a directory" : "it is not a regular file")
  }
}

/// `true` for the name of a file that is not complete, and whose own name ends with `suffix`.
package func isUnfinishedFile(_ name: String, suffix: String) -> Bool {
  name.contains(suffix + PartialFile.partialMark)
}

/// Removes all files that this process has begun and not completed, for use when it is told to end.
package func removeUnfinishedFiles() {
  PartialFile.unfinished.withLock { unfinished in
    for file in unfinished { try? FileManager.default.removeItem(at: file) }
    unfinished = []
  }
}

extension WriteError {
  /// The error for a file that the system refuses to write.
  fileprivate init(at url: URL, _ error: any Error) {
    let cause = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
    let codes = [error as NSError, cause].compactMap { $0 }
    let isOutOfSpace = codes.contains {
      $0.domain == NSPOSIXErrorDomain && [Int(ENOSPC), Int(EDQUOT)].contains($0.code)
        || $0.domain == NSCocoaErrorDomain && $0.code == CocoaError.fileWriteOutOfSpace.rawValue
    }
    self.init(at: url, reason: error.localizedDescription, isOutOfSpace: isOutOfSpace)
  }
}
