import Foundation
import Glibc

/// Changes a file of keys as a whole: readers see it before or after, and other editors wait.
struct KeyFileEditor {
  private let url: URL
  private let mayBeAbsent: Bool

  /// An editor of the file itself, where `url` is a link to one.
  init(_ url: URL, mayBeAbsent: Bool = true) {
    self.url = url.resolvingSymlinksInPath()
    self.mayBeAbsent = mayBeAbsent
  }

  /// Reads the keys, has them changed, and writes them.
  ///
  /// - Throws: ``CommandFailure`` for a file that is none of keys or cannot be written; it is then what it was.
  func edit(_ change: (inout [APIKey]) throws(CommandFailure) -> Void) throws(CommandFailure) {
    let path = url.path(percentEncoded: false)
    // The folder stands for its files: one that is replaced would take its lock along.
    let folder = unsafe open(url.deletingLastPathComponent().path(percentEncoded: false), O_RDONLY | O_CLOEXEC)
    defer { if folder >= 0 { close(folder) } }
    guard folder >= 0, flock(folder, LOCK_EX) == 0 else {
      throw CommandFailure("\(path) cannot be written: \(unsafe String(cString: strerror(errno)).lowercased())")
    }
    let permissions = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
    var keys = permissions != nil || !mayBeAbsent ? try KeyFile.read(url) : []
    try change(&keys)
    do {
      try Data(KeyFile.text(keys).utf8).write(to: url, options: .atomic)
      // Writing whole makes another file.
      try FileManager.default.setAttributes([.posixPermissions: permissions ?? 0o600], ofItemAtPath: path)
    } catch { throw CommandFailure("\(path) cannot be written: \(error.localizedDescription)") }
  }
}
