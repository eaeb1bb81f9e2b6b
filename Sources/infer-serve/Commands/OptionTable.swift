import ArgumentParser
import InferText

/// The options of a command, as its parser knows them.
struct OptionTable {
  /// An option that takes a value, or a flag.
  struct Entry {
    /// The name without its dashes.
    var name: String
    var isFlag: Bool
    var isRepeating: Bool
    /// The name of the flag that says the opposite; `nil` for none.
    var opposite: String?
    /// The value without the option, as text; `nil` for none.
    var defaultValue: String?
  }

  /// In the order of the command's help, without what it hides.
  let entries: [Entry]
  private let byName: [String: Int]

  /// The options of a type, from the description that the parser's own tools read.
  init(of type: any ParsableArguments.Type) {
    let description = try? JSONValue(parsing: Array(type._dumpHelp().utf8))
    var entries: [Entry] = []
    var byName: [String: Int] = [:]
    for argument in description?["command"]?["arguments"]?.array ?? [] {
      guard let name = argument["preferredName"]?["name"]?.string, argument["shouldDisplay"]?.bool ?? true,
        argument["kind"]?.string != "positional", name != "help", name != "version"
      else { continue }
      if name.hasPrefix("no-"), let index = byName[String(name.dropFirst(3))], entries[index].isFlag {
        entries[index].opposite = name
        byName[name] = index
        continue
      }
      byName[name] = entries.count
      entries.append(
        Entry(
          name: name, isFlag: argument["kind"]?.string == "flag", isRepeating: argument["isRepeating"]?.bool ?? false,
          defaultValue: argument["defaultValue"]?.string))
    }
    self.entries = entries
    self.byName = byName
  }

  /// The option of a name, or of its opposite.
  subscript(_ name: String) -> Entry? { byName[name].map { entries[$0] } }

  /// All names.
  var names: [String] { entries.map(\.name) }
}
