import Foundation
import InferCore
import InferText

/// The keys in force: those of the command line, and those of a file, which may change.
final class KeyRing: Sendable {
  /// A key, and how much it is used.
  struct Entry: Sendable {
    let key: APIKey
    let usage: KeyUsage
  }

  /// The file of keys; `nil` for none.
  let file: URL?
  /// The file's version when it was first read.
  let version: FileVersion?
  private let fixed: [APIKey]
  private let entries: Monitor<[Entry]>
  /// Held by whoever reads the file.
  private let reading = Monitor(())

  /// - Throws: ``CommandFailure`` for a file that cannot be read, or is none of keys.
  init(_ keys: [APIKey], file: URL? = nil) throws(CommandFailure) {
    self.file = file
    version = file.flatMap { FileVersion($0) }
    fixed = keys
    let all = keys + (try file.map(KeyFile.read) ?? [])
    entries = Monitor(all.map { Entry(key: $0, usage: KeyUsage()) })
  }

  /// The number of keys.
  var count: Int { entries.withLock { $0.count } }

  /// The key that one of some texts is. Compares with every key whatever is found, so that the time tells nothing.
  func find(_ texts: [String]) -> Entry? {
    let entries = entries.withLock { $0 }
    var found: Entry?
    for digest in texts.map(KeyDigest.init(of:)) {
      for entry in entries where entry.key.digest == digest { found = found ?? entry }
    }
    return found
  }

  /// Reads the file again. What a name has used goes on to count for it.
  ///
  /// - Throws: ``CommandFailure`` for a file that cannot be read or is none of keys; the keys are then what they were.
  func reload() throws(CommandFailure) {
    guard let file else { return }
    try reading.withLock { (_) throws(CommandFailure) in
      let keys = fixed + (try KeyFile.read(file))
      entries.withLock { entries in
        let usages = Dictionary(
          entries.map { (ExactText($0.key.name), $0.usage) }, uniquingKeysWith: { first, _ in first })
        entries = keys.map { Entry(key: $0, usage: usages[ExactText($0.name)] ?? KeyUsage()) }
      }
    }
  }
}
