extension Families {
  /// All families as a table in Markdown: models, layers, and their names in configurations and GGUF files.
  static var table: String {
    let rows = all.map { family in
      let architectures = Dialects.all.filter { $0.family == family }.flatMap { $0.architectures }
      return [family.models, family.layers, quoted(family.modelTypes), quoted(architectures)]
    }
    let lines = [["Models", "Layers", "`model_type`", "GGUF architecture"], Array(repeating: "---", count: 4)] + rows
    return lines.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }

  private static func quoted(_ names: [String]) -> String {
    names.isEmpty ? "–" : names.map { "`\($0)`" }.joined(separator: ", ")
  }
}
