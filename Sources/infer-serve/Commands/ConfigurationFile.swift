import Foundation
import Yams

/// A server's configuration in YAML: the options of `serve` by their names, and lists of models and routers with theirs.
///
///     host: 0.0.0.0
///     models:
///       - model: Models/tiny
///         served-model-name: [tiny, small]
///       - model: large.gguf
///         load: demand
struct ConfigurationFile {
  /// One of the models or routers.
  struct Entry {
    var settings: [Setting]
    var place: String
  }

  private(set) var settings: [Setting] = []
  private(set) var models: [Entry] = []
  private(set) var routers: [Entry] = []
  private let file: YAMLFile

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - options: The options of `serve`.
  /// - Throws: ``CommandFailure`` with the line that is at fault.
  init(at path: String, options: OptionTable) throws(CommandFailure) {
    try self.init(try YAMLFile("the configuration", at: path), options: options)
  }

  /// Reads a text that is a file's.
  init(_ text: String, path: String, options: OptionTable) throws(CommandFailure) {
    try self.init(try YAMLFile(text, path: path), options: options)
  }

  private init(_ file: YAMLFile, options: OptionTable) throws(CommandFailure) {
    self.file = file
    guard let root = file.root else { return }
    for (key, value) in try members(of: root, "the configuration") {
      switch Self.name(key) {
      case "models": models = try entries(value, "models", OptionTable(of: ModelSettings.self), needing: "model")
      case "routers": routers = try entries(value, "routers", OptionTable(of: RouterSettings.self), needing: "name")
      default:
        if let setting = try setting(key, value, options, also: ["models", "routers"]) { settings.append(setting) }
      }
    }
  }

  private func entries(
    _ value: Node, _ name: String, _ options: OptionTable, needing key: String
  ) throws(CommandFailure) -> [Entry] {
    guard let list = value.sequence else {
      throw CommandFailure("\(place(of: value)): '\(name)' is a list, each of whose entries has a '\(key)'")
    }
    var entries: [Entry] = []
    for node in list {
      var settings: [Setting] = []
      for (key, value) in try members(of: node, "an entry of '\(name)'") {
        if let setting = try setting(key, value, options, also: []) { settings.append(setting) }
      }
      guard settings.contains(where: { $0.name == key }) else {
        throw CommandFailure("\(place(of: node)): an entry of '\(name)' needs '\(key)'")
      }
      entries.append(Entry(settings: settings, place: place(of: node)))
    }
    return entries
  }

  private func members(of node: Node, _ what: String) throws(CommandFailure) -> [(Node, Node)] {
    guard let mapping = node.mapping else {
      throw CommandFailure("\(place(of: node)): \(what) is a mapping of options to values")
    }
    return mapping.map { ($0.key, $0.value) }
  }

  /// The setting that a key and its value make; `nil` where the value is null.
  private func setting(
    _ key: Node, _ value: Node, _ options: OptionTable, also others: [String]
  ) throws(CommandFailure) -> Setting? {
    let name = Self.name(key)
    guard let entry = options[name], entry.name == name, name != "config" else {
      let hint = Spelling.hint(for: name, among: options.names.filter { $0 != "config" } + others)
      throw CommandFailure("\(place(of: key)): unknown key '\(key.string ?? "")'\(hint)")
    }
    if value.tag.rawValue == Tag.Name.null.rawValue { return nil }
    var values: [String] = []
    for node in value.sequence.map(Array.init) ?? [value] {
      guard let text = node.scalar?.string else {
        let kind = node.mapping == nil ? "list" : "mapping"
        throw CommandFailure("\(place(of: node)): '\(name)' has a \(kind) as a value")
      }
      values.append(text)
    }
    return try Setting(entry, values: values, place: place(of: key))
  }

  /// A key as an option's name: underscores are as good as dashes.
  private static func name(_ key: Node) -> String { (key.string ?? "").replacing("_", with: "-") }

  private func place(of node: Node) -> String { file.place(of: node) }
}
