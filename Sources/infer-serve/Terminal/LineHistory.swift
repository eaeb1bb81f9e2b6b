import Foundation

/// The lines that were entered, the oldest first, and a file that keeps them from run to run.
struct LineHistory {
  /// Entries that are kept at most.
  static let limit = 1000
  /// Bytes of a file that are read at most: the last ones.
  private static let byteLimit = 1 << 20

  private(set) var entries: [String]
  /// The entry that is shown; the number of entries for none.
  private var position: Int
  /// The text that was being written before an entry was shown.
  private var draft = ""
  private let file: URL?

  /// - Parameter file: The file; `nil` for none. One that cannot be read has no entries.
  init(file: URL? = nil) {
    self.file = file
    entries = file.map(Self.read) ?? []
    position = entries.count
  }

  /// Adds a line, also to the file, unless it is the last one again. Nothing is told where the file cannot be written.
  mutating func append(_ line: String) {
    defer { position = entries.count }
    guard !line.isEmpty, line != entries.last else { return }
    entries.append(line)
    if let file { Self.append(line, to: file) }
  }

  /// The entry before the one that is shown, in place of `text`; `nil` for none.
  mutating func previous(_ text: String) -> String? {
    guard position > 0 else { return nil }
    if position == entries.count { draft = text }
    position -= 1
    return entries[position]
  }

  /// The entry behind the one that is shown, or what was being written; `nil` when that is shown.
  mutating func next() -> String? {
    guard position < entries.count else { return nil }
    position += 1
    return position == entries.count ? draft : entries[position]
  }

  /// Shows no entry.
  mutating func leave() { position = entries.count }

  /// The file where it is by custom: in `XDG_STATE_HOME`, or in `.local/state` of the home folder; `nil` for who has none.
  static func defaultFile(_ environment: [String: String]) -> URL? {
    let state = environment["XDG_STATE_HOME"].flatMap { $0.hasPrefix("/") ? URL(filePath: $0) : nil }
    let home = environment["HOME"].flatMap {
      $0.hasPrefix("/") ? URL(filePath: $0).appending(path: ".local/state") : nil
    }
    return (state ?? home)?.appending(path: "infer-serve/chat-history")
  }

  /// The entries of a file, which is made shorter when it has many more than are kept.
  private static func read(_ file: URL) -> [String] {
    guard let handle = try? FileHandle(forReadingFrom: file), let size = try? handle.seekToEnd() else { return [] }
    try? handle.seek(toOffset: size > byteLimit ? size - UInt64(byteLimit) : 0)
    guard var data = try? handle.readToEnd() else { return [] }
    // A line that was cut off is none.
    if size > byteLimit { data = data.drop { $0 != 0x0A } }
    let lines = data.split(separator: 0x0A).compactMap { String(validating: $0, as: UTF8.self) }.map(unescaped)
    let kept = Array(lines.suffix(limit))
    if lines.count > 2 * limit || size > byteLimit { rewrite(kept, file) }
    return kept
  }

  private static func rewrite(_ lines: [String], _ file: URL) {
    let text = lines.map { escaped($0) + "\n" }.joined()
    guard (try? Data(text.utf8).write(to: file, options: .atomic)) != nil else { return }
    try? FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
  }

  /// Adds a line at once, so that several programs may do so at the same time.
  private static func append(_ line: String, to file: URL) {
    let folder = file.deletingLastPathComponent()
    try? FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let descriptor = unsafe open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return }
    let bytes = Array((escaped(line) + "\n").utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
    close(descriptor)
  }

  private static func escaped(_ line: String) -> String {
    line.replacing("\\", with: "\\\\").replacing("\r", with: "").replacing("\n", with: "\\n")
  }

  private static func unescaped(_ line: String) -> String {
    var text = ""
    var isEscaped = false
    for character in line {
      if isEscaped {
        text.append(character == "n" ? "\n" : character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else {
        text.append(character)
      }
    }
    return text
  }
}
