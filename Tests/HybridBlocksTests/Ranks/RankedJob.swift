import Foundation
import HybridBlocks
import InferCore
import TestSupport

/// The tiny model on two ranks: an engine, and a thread that follows it.
struct RankedJob {
  let engine: Engine
  private let end = Monitor<Result<Void, any Error>?>(nil)

  init(stages: Int, _ configuration: EngineConfiguration) throws {
    let ranks = LocalCommunicator.ranks(2)
    let follower = Thread { [configuration, end] in
      let result = Result {
        var configuration = configuration
        let grid = RankGrid(ranks[1], stages: stages)
        configuration.ranks = grid
        configuration.cacheFolder = nil
        try RankFollower(model: try Self.share(of: grid), configuration: configuration).follow()
      }
      end.change { $0 = result }
    }
    follower.stackSize = 8 << 20
    follower.start()
    let grid = RankGrid(ranks[0], stages: stages)
    var configuration = configuration
    configuration.ranks = grid
    engine = try Engine(model: try Self.share(of: grid), configuration: configuration)
  }

  /// A rank's share of the model.
  static func share(of grid: RankGrid) throws -> any LanguageModel {
    var options = LoadOptions()
    options.threads = 1
    options.share = grid.share
    return try loadModel(at: Fixtures.tinyModel, options: options).model
  }

  /// Ends both. The follower ends with the engine, and without an error.
  func shutDown() async throws {
    await engine.shutdown()
    end.wait { $0 != nil }
    try end.withLock { $0 }?.get()
  }
}
