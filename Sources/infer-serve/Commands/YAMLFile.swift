import Foundation
import Yams

/// A file in YAML, whose faults are told with their lines.
struct YAMLFile {
  let path: String
  /// The document; `nil` for an empty one.
  let root: Node?

  /// The largest file, in bytes.
  private static let maximumBytes = 16 << 20

  /// Reads a file.
  ///
  /// - Parameter what: What it is, as in `the configuration`.
  /// - Throws: ``CommandFailure`` for one that cannot be read or is no YAML.
  init(_ what: String, at path: String) throws(CommandFailure) {
    let bytes: [UInt8]
    do throws(WholeFile.Fault) {
      bytes = try WholeFile.read(path, upTo: Self.maximumBytes, takesPipes: true)
    } catch { throw CommandFailure("\(what) \(path) cannot be read: \(error)") }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw CommandFailure("\(what) \(path) is no UTF-8 text")
    }
    try self.init(text, path: path)
  }

  /// Reads a text that is a file's.
  init(_ text: String, path: String) throws(CommandFailure) {
    self.path = path
    do {
      let node = try compose(yaml: text)
      root = node?.tag.rawValue == Tag.Name.null.rawValue ? nil : node
    } catch { throw Self.failure(error, path) }
  }

  /// The place of a value, with its line.
  func place(of node: Node) -> String { node.mark.map { "\(path):\($0.line)" } ?? path }

  private static func failure(_ error: any Error, _ path: String) -> CommandFailure {
    switch error as? YamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      CommandFailure("\(path):\(mark.line): \(problem) (column \(mark.column))")
    case .duplicatedKeysInMapping(let duplicates, let context):
      CommandFailure("\(path):\(context.mark.line): '\(duplicates.joined(separator: "', '"))' is there twice")
    default: CommandFailure("\(path): \(error)")
    }
  }
}
