/// The value of an option, from wherever it was given.
struct Setting: Equatable {
  /// The option's name, without its dashes, and not that of an opposite.
  var name: String
  /// As a command line has it.
  var arguments: [String]
  /// The values, for people; those of a flag are `true` or `false`.
  var values: [String]
  /// The place where it was given: `server.yaml:3`, `INFER_SERVE_PORT`; `nil` for the command line.
  var place: String?

  /// A setting from outside the command line.
  ///
  /// - Throws: ``CommandFailure`` when a flag is neither true nor false, or several values are given where one is taken.
  init(_ entry: OptionTable.Entry, values: [String], place: String) throws(CommandFailure) {
    name = entry.name
    self.values = values
    self.place = place
    if entry.isFlag {
      switch values {
      case ["true"]: arguments = ["--\(entry.name)"]
      case ["false"]: arguments = entry.opposite.map { ["--\($0)"] } ?? []
      default:
        throw CommandFailure(
          "\(place): '\(entry.name)' is true or false, not \(values.map { "'\($0)'" }.joined(separator: ", "))")
      }
      return
    }
    guard values.count == 1 || entry.isRepeating else {
      throw CommandFailure("\(place): '\(entry.name)' has one value, not \(values.count)")
    }
    // In one word, so that a value may begin with a dash.
    arguments = values.map { "--\(entry.name)=\($0)" }
  }

  private init(name: String, arguments: [String], values: [String]) {
    (self.name, self.arguments, self.values) = (name, arguments, values)
  }

  /// The settings of a command line; words that belong to no known option are left out.
  static func settings(of arguments: [String], _ table: OptionTable) -> [Setting] {
    var settings: [Setting] = []
    for word in arguments {
      guard word.hasPrefix("--") else {
        if let last = settings.indices.last {
          settings[last].arguments.append(word)
          settings[last].values.append(word)
        }
        continue
      }
      let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts.first ?? "")
      guard let entry = table[name] else {
        // A place for its values to go.
        settings.append(Setting(name: "", arguments: [], values: []))
        continue
      }
      let values = entry.isFlag ? [name == entry.name ? "true" : "false"] : parts.dropFirst().map(String.init)
      settings.append(Setting(name: entry.name, arguments: [word], values: values))
    }
    return settings.filter { !$0.name.isEmpty }
  }
}
