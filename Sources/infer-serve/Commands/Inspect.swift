import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferText

/// `infer-serve inspect`: what a model is, and whether its files are sound.
struct Inspect: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Describes a model and checks its weights.",
    discussion: "Reads every weight to find NaN and infinity. Unread tensors are ones that the family does not know.")

  @OptionGroup var model: ModelOptions

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    let loaded = try model.load(onlyDescribing: true)
    let source = try ModelSource(model.model.url)
    let checkpoint = try source.checkpoint()
    let report = ModelReport(
      name: loaded.name, architecture: source.architecture, fileCount: checkpoint.fileCount,
      tensorCount: source.tensorCount ?? checkpoint.tensors.count, summary: loaded.summary,
      contextLength: loaded.model.contextLength,
      vocabularySize: loaded.model.vocabularySize, text: TextReport(loaded, files: source.files),
      nonFinite: try Self.scan(checkpoint, threads: model.threadCount))
    try emit(json ? report.json.serialized(.pretty) + "\n" : report.description)
  }

  /// Tensors with numbers that are not finite, by name.
  private static func scan(_ checkpoint: Checkpoint, threads: Int) throws -> [(name: String, count: Int)] {
    let tensors = checkpoint.tensors.values.sorted { $0.name < $1.name }
    let counts = Monitor(Array(repeating: 0, count: tensors.count))
    try unsafe ThreadTeam(count: threads).forEach(tensors.count) { item, _ in
      let count = tensors[item].nonFiniteCount()
      counts.withLock { $0[item] = count }
    }
    return zip(tensors, counts.withLock { $0 }).compactMap { $1 == 0 ? nil : ($0.name, $1) }
  }
}
