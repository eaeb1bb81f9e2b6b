import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve models`: the models in folders, and whether they fit the memory.
struct ListModels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "Lists the models in folders: their sizes, their families, and whether they fit.")

  @Option(
    help: ArgumentHelp(
      "A folder of models; may be repeated (default: the cache of Hugging Face's programs).", valueName: "path"))
  var modelsDir: [String] = []

  @OptionGroup var computing: ComputingOptions

  @Flag(help: "Print JSON, a model a line.")
  var json = false

  func run() throws {
    let folders = modelsDir.map { URL(filePath: $0) }
    let all = folders.isEmpty ? [ModelFinder.hubCache(ProcessInfo.processInfo.environment)] : folders
    let rows = try all.flatMap { try ModelFinder.models(in: $0) }.map(row)
    if json { return try emit(rows.map { $0.json.serialized() + "\n" }.joined()) }
    guard !rows.isEmpty else { return note("there is no model in \(all.map(\.path).joined(separator: ", "))") }
    let lines = [["NAME", "FAMILY", "PARAMETERS", "WEIGHTS", "FITS"]] + rows.map(\.cells)
    let widths = (0..<4).map { column in lines.reduce(0) { max($0, $1[column].count) } }
    try emit(
      lines.map { line in
        let cells = zip(line, widths).map { cell, width in
          cell + String(repeating: " ", count: width - cell.count) + "  "
        }
        return cells.joined() + line[4] + "\n"
      }.joined())
  }

  /// One model of the list.
  private struct Row {
    var name: String
    var path: String
    /// The model, or why it cannot be served.
    var description: Result<ModelSummary, any Error>
    var memory: Int

    var fits: Bool {
      if case .success(let summary) = description { summary.weightBytes <= memory } else { false }
    }

    var cells: [String] {
      switch description {
      case .success(let summary):
        [
          name, summary.family, Quantity.count(summary.parameterCount), Quantity.mebibytes(summary.weightBytes),
          fits ? "yes" : "no, of \(Quantity.mebibytes(memory))",
        ]
      case .failure(let error): [name, "-", "-", "-", "no: \(error.localizedDescription)"]
      }
    }

    var json: JSONValue {
      var object: JSONObject = ["name": .string(name), "path": .string(path), "fits": .bool(fits)]
      switch description {
      case .success(let summary):
        object["family"] = .string(summary.family)
        object["parameters"] = .integer(summary.parameterCount)
        object["weight_bytes"] = .integer(summary.weightBytes)
      case .failure(let error): object["error"] = .string(error.localizedDescription)
      }
      return .object(object)
    }
  }

  private func row(_ found: ModelFinder.Found) -> Row {
    let memory = MachineLimits.current.usableMemory
    let description = Result {
      try computing.load(PathArgument(found.url.path), onlyDescribing: true, warn: { _ in }, tell: { _ in }).summary
    }
    return Row(name: found.name, path: found.url.path, description: description, memory: memory)
  }
}
