import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve models`: the models in folders, and whether they fit the memory.
struct ListModels: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "Lists the models in folders: their families, their sizes, and whether they fit the memory.",
    discussion: """
      A model's memory is that of its weights, quantised where --quantize says so, and that of state, as 'serve' with the \
      same options has it.
      """)

  @Option(
    help: ArgumentHelp(
      "A folder of models; may be repeated (default: the cache of Hugging Face's programs).", valueName: "path"))
  var modelsDir: [String] = []

  @OptionGroup var computing: ComputingOptions
  @OptionGroup var engine: EngineOptions

  @Flag(help: "Print JSON, a model a line.")
  var json = false

  func validate() throws { try check(engine.configuration(threads: computing.threadCount)) }

  func run() throws {
    let folders = modelsDir.map { URL(filePath: $0) }
    let all = folders.isEmpty ? [ModelFinder.hubCache(ProcessInfo.processInfo.environment)] : folders
    let rows = try all.flatMap { try ModelFinder.models(in: $0) }.map(row)
    if json { return try emit(rows.map { $0.json.serialized() + "\n" }.joined()) }
    guard !rows.isEmpty else { return note("there is no model in \(all.map(\.path).joined(separator: ", "))") }
    try emit(table([["NAME", "FAMILY", "PARAMETERS", "WEIGHTS", "MEMORY", "FITS"]] + rows.map(\.cells)))
  }

  /// One model of the list.
  private struct Row {
    var name: String
    var path: String
    /// The model, or why it cannot be served.
    var description: Result<(summary: ModelSummary, forecast: MemoryForecast), any Error>
    var memory: Int

    var fits: Bool {
      if case .success(let (_, forecast)) = description { forecast.bytes <= memory } else { false }
    }

    var cells: [String] {
      switch description {
      case .success(let (summary, forecast)):
        [
          name, summary.family, Quantity.count(summary.parameterCount), Quantity.mebibytes(forecast.weightBytes),
          Quantity.mebibytes(forecast.bytes), fits ? "yes" : "no, of \(Quantity.mebibytes(memory))",
        ]
      case .failure(let error): [name, "-", "-", "-", "-", "no: \(error.localizedDescription)"]
      }
    }

    var json: JSONValue {
      var object: JSONObject = ["name": .string(name), "path": .string(path), "fits": .bool(fits)]
      switch description {
      case .success(let (summary, forecast)):
        object["family"] = .string(summary.family)
        object["parameters"] = .integer(summary.parameterCount)
        object["weight_bytes"] = .integer(forecast.weightBytes)
        object["memory_bytes"] = .integer(forecast.bytes)
      case .failure(let error): object["error"] = .string(error.localizedDescription)
      }
      return .object(object)
    }
  }

  private func row(_ found: ModelFinder.Found) -> Row {
    let memory = MachineLimits.current.usableMemory
    let description = Result {
      let loaded = try computing.load(
        PathArgument(found.url.path), onlyDescribing: true, warn: { _ in }, tell: { _ in })
      let forecast = try MemoryForecast(
        of: loaded, weightBytes: loaded.summary.weightBytes, engine.configuration(threads: computing.threadCount))
      return (summary: loaded.summary, forecast: forecast)
    }
    return Row(name: found.name, path: found.url.path, description: description, memory: memory)
  }
}
