internal import Foundation
internal import InferCore
internal import InferText

/// A model's configuration under the keys of `config.json`, in which each value knows the key of the file that it comes
/// from.
struct Configuration: Sendable {
  /// The place in a GGUF file that a value is made of.
  enum Source: Sendable, ExpressibleByStringLiteral {
    /// A key of the metadata, behind the prefix of the architecture.
    case key(String)
    /// The architecture, for values that all its models have in common.
    case architecture
    /// A tensor, or the tensors of this name behind the number of a layer.
    case tensor(String)

    init(stringLiteral key: String) { self = .key(key) }
  }

  /// The name that a value has in its file.
  struct Origin: Sendable {
    let name: String
    /// Whether the file holds another value, of which this one is computed.
    let isComputed: Bool
  }

  /// The file, for messages.
  let file: URL
  /// The values, an object.
  private(set) var values: JSONValue
  /// The prefix of metadata in a GGUF file.
  private let architecture: String
  /// Origins of the values that have another key in the file, by their paths.
  private var origins: TextDictionary<Origin> = [:]

  /// The name of a configuration that stands in no file.
  static let unwritten = URL(string: "config.json") ?? URL(filePath: "config.json")

  /// The configuration of a JSON file, whose values are their own origins.
  ///
  /// - Throws: `ModelError` when `values` is no object.
  init(_ values: JSONValue, file: URL) throws(ModelError) {
    guard values.object != nil else {
      throw .configuration(at: file, key: "(root)", reason: "is \(values.kind), expected an object")
    }
    self.values = values
    self.file = file
    architecture = ""
  }

  /// An empty configuration, to be filled with the values of a GGUF file.
  init(file: URL, architecture: String) {
    values = [:]
    self.file = file
    self.architecture = architecture
  }

  /// The value of a key.
  subscript(key: String) -> JSONValue? { values[key] }

  /// The origin of the value at a path, where it has another name in the file.
  func origin(of path: String) -> Origin? { origins[path] }

  /// Sets a value.
  ///
  /// - Parameters:
  ///   - path: a key, or with a dot between them that of an object and that of one of its members.
  ///   - value: the value.
  ///   - source: the place in the file.
  ///   - isComputed: whether the file holds another value there, of which this one is computed.
  mutating func set(_ path: String, _ value: JSONValue, from source: Source, isComputed: Bool = true) {
    name(path, from: source, isComputed: isComputed)
    guard let dot = path.firstIndex(of: ".") else {
      values[path] = value
      return
    }
    let outer = String(path[..<dot])
    if values[outer] == nil { values[outer] = .object([:]) }
    values[outer]?[String(path[path.index(after: dot)...])] = value
  }

  /// Names the origin of a value, whether there is one or not: messages about missing values name it as well.
  ///
  /// - Parameters:
  ///   - path: a key, or that of an object and that of one of its members.
  ///   - source: the place in the file.
  ///   - isComputed: whether the file holds another value there.
  mutating func name(_ path: String, from source: Source, isComputed: Bool = true) {
    let name =
      switch source {
      case .key(let key): "\(architecture).\(key)"
      case .architecture: "general.architecture"
      case .tensor(let name): "tensor \(name)"
      }
    origins[path] = Origin(name: name, isComputed: isComputed)
  }
}
