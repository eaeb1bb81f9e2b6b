import Foundation
import HybridBlocks
import InferCore
import InferText

/// What the ranks of a job have to have in common before they compute a model together.
struct RankedModel {
  /// The time for which a rank waits until others have loaded their shares.
  private static let loadPatience = Duration.seconds(1800)

  let grid: RankGrid
  /// The rank's share of the model.
  let share: ModelShare

  /// A model that ranks compute, with experts dealt out by the rows that they have had; `nil` for consecutive ones.
  init(_ grid: RankGrid, expertLoads: ExpertLoads?) {
    self.grid = grid
    var share = grid.share
    share.expertLoads = expertLoads
    self.share = share
  }

  /// One line for people on how busy the busiest rank would have been by the rows that experts have had; `nil` where nobody
  /// has counted them.
  var balance: String? {
    guard let loads = share.expertLoads, let part = try? loads.busiestPart(share),
      let consecutive = try? loads.busiestPart(ModelShare(rank: 0, of: share.count))
    else { return nil }
    func percent(_ part: Double) -> String { "\(Int((part * 100).rounded())) %" }
    return "the busiest rank has \(percent(part)) of the rows, and \(percent(consecutive)) with consecutive experts"
  }

  /// Checks that all ranks have the same build, model, formats and configuration.
  ///
  /// - Throws: `RankError` that names the rank that differs.
  func check(_ model: LoadedModel, _ configuration: EngineConfiguration) throws {
    try grid.job.checkEqual(
      [
        ("build", try Self.build()), ("instruction set", InstructionSet.name),
        ("weight formats", model.summary.formats.map(\.name).joined(separator: ", ")),
        ("model", (model.fingerprint?.bytes ?? []).prefix(8).hexadecimal),
        ("expert load", share.expertLoads?.digest.hexadecimal ?? "none"),
        ("adapters", model.adapters.map { $0.hash.prefix(8).hexadecimal }.joined(separator: ", ")),
        (
          "engine configuration",
          """
          --kv-type \(configuration.kvType.rawValue) --page-tokens \(configuration.pageTokens) --max-batch-tokens \
          \(configuration.maxBatchTokens) --max-running \(configuration.maxRunning) --max-context \
          \(configuration.maxContext ?? 0)
          """
        ),
      ], within: Self.loadPatience)
  }

  /// A hash of the program's file.
  private static func build() throws -> String {
    var hash = SHA256()
    let file = try FileHandle(forReadingFrom: URL(filePath: "/proc/self/exe"))
    defer { try? file.close() }
    while let bytes = try file.read(upToCount: 1 << 20), !bytes.isEmpty { hash.update(data: Array(bytes)) }
    return hash.finalize().prefix(8).hexadecimal
  }
}
