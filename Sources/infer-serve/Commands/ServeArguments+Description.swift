import InferText

extension ServeArguments {
  /// All options as a configuration file has them, each with the place where it was set.
  var description: String {
    var lines: [String] = []
    for entry in OptionTable(of: Serve.self).entries where entry.name != "config" {
      let setting = settings.last { $0.name == entry.name }
      let value: String
      if let setting {
        // Keys are nobody's business.
        let values = entry.name == "api-key" ? ["hidden"] : setting.values
        value = entry.isRepeating ? Self.list(values) : Self.scalar(values.last ?? "")
      } else if entry.isFlag {
        value = entry.defaultValue == "--\(entry.name)" ? "true" : "false"
      } else {
        value = entry.defaultValue.map(Self.scalar) ?? (entry.isRepeating ? "[]" : "null")
      }
      let place = setting.map { $0.place ?? "command line" } ?? "default"
      lines.append("\(entry.name): \(value)  # \(place)")
    }
    for (name, entries) in [("models", models), ("routers", routers)] where !entries.isEmpty {
      lines.append("\(name):")
      lines += entries.flatMap(Self.lines)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func lines(of entry: ConfigurationFile.Entry) -> [String] {
    entry.settings.enumerated().map { index, setting in
      let value = setting.values.count == 1 ? scalar(setting.values[0]) : list(setting.values)
      return "  \(index == 0 ? "-" : " ") \(setting.name): \(value)  # \(setting.place ?? entry.place)"
    }
  }

  private static func list(_ values: [String]) -> String { "[\(values.map(scalar).joined(separator: ", "))]" }

  /// A value as YAML has it: in quotes unless it is plain.
  private static func scalar(_ value: String) -> String {
    let isPlain = value.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || [0x2e, 0x2f, 0x5f].contains($0)
    }
    return isPlain && !value.isEmpty ? value : JSONValue.string(value).serialized()
  }
}
