import Foundation
import InferCore
import InferText

/// The folder that sessions are saved in: one file each, whose name is the session's, with that of the key that it belongs
/// to, and for those of a salt a hash of the salt as well.
struct SessionFolder: Sendable {
  private static let suffix = ".session"

  let url: URL
  /// The name of the key whose sessions are seen; `nil` for those of nobody.
  var owner: String?

  /// Names cannot hold the sign.
  private var beginning: String { owner.map { $0 + "~" } ?? "" }

  /// The file of a session whose name has been checked.
  func file(of name: String, in scope: CacheScope) -> URL {
    file(beginning + name + Self.mark(of: scope) + Self.suffix)
  }

  private func file(_ name: String) -> URL { url.appending(component: name, directoryHint: .notDirectory) }

  /// Names cannot hold the sign.
  private static func mark(of scope: CacheScope) -> String {
    guard !scope.salt.isEmpty else { return "" }
    return "@" + scope.hash.prefix(16).hexadecimal
  }

  /// Makes the folder unless it is there. What is wrong with it shows when a file is written.
  func make() { try? FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }

  /// Removes files that a process left half-written.
  func removeUnfinished() {
    for name in names where isUnfinishedFile(name, suffix: Self.suffix) {
      try? FileManager.default.removeItem(at: file(name))
    }
  }

  /// The saved sessions of a scope, and the bytes of their files.
  func saved(in scope: CacheScope) -> [String: Int] {
    let (beginning, end) = (beginning, Self.mark(of: scope) + Self.suffix)
    var saved: [String: Int] = [:]
    for name in names where name.hasPrefix(beginning) && name.hasSuffix(end) {
      let session = String(name.dropFirst(beginning.count).dropLast(end.count))
      guard SessionFields.isName(session) else { continue }
      let attributes = try? FileManager.default.attributesOfItem(atPath: file(name).path)
      saved[session] = attributes?[.size] as? Int ?? 0
    }
    return saved
  }

  private var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] }
}
