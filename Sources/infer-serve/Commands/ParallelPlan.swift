import Foundation
import HybridBlocks
import InferCore

/// The choice between a model that all ranks of a job compute, each a share of every layer or each some layers, and one that rank
/// 0 computes alone, with what speaks for it.
struct ParallelPlan: Equatable {
  let ranks: Int
  let link: RankLink
  /// The bytes a second that rank 0 reads from memory.
  let bandwidth: Double
  let forecast: RankForecast
  /// Bytes of all weights, and of the memory that rank 0 may use.
  let weightBytes, usableMemory: Int
  /// Why the ranks cannot have shares of all layers, and why they cannot have some layers each; `nil` where they can.
  var tensorObstacle, pipelineObstacle: String?

  /// A way to compute the model.
  enum Choice: UInt8, CaseIterable {
    case alone, tensor, pipeline
  }

  /// Tokens a second of one sequence.
  func tokensPerSecond(_ choice: Choice) -> Double {
    switch choice {
    case .alone: 1 / forecast.seconds(ranks: 1, bandwidth: bandwidth, link: link)
    case .tensor: 1 / forecast.seconds(ranks: ranks, bandwidth: bandwidth, link: link)
    case .pipeline: 1 / forecast.seconds(stages: ranks, bandwidth: bandwidth, link: link)
    }
  }

  /// `true` where one rank has no room for the weights.
  var isTooLargeForOne: Bool { weightBytes > usableMemory / 10 * 9 }

  /// The fastest of the ways that can be, of which a rank that is alone is one only where it has room for the weights.
  var choice: Choice {
    Choice.allCases.filter { obstacle(to: $0) == nil }.max { tokensPerSecond($0) < tokensPerSecond($1) } ?? .alone
  }

  private func obstacle(to choice: Choice) -> String? {
    switch choice {
    case .alone: isTooLargeForOne ? "the weights are too large for one machine" : nil
    case .tensor: tensorObstacle
    case .pipeline: pipelineObstacle
    }
  }

  /// The split of a choice.
  func split(_ choice: Choice) -> ParallelSplit {
    switch choice {
    case .alone: .grid(tensor: 1, pipeline: 1)
    case .tensor: .grid(tensor: ranks, pipeline: 1)
    case .pipeline: .grid(tensor: 1, pipeline: ranks)
    }
  }

  /// One line for people.
  var description: String {
    func number(_ value: Double) -> String {
      value.formatted(.number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US_POSIX")))
    }
    func name(_ choice: Choice) -> String { choice == .alone ? "one rank alone" : split(choice).description }
    let forecasts = Choice.allCases.map { choice in
      "\(name(choice)) \(obstacle(to: choice) ?? number(tokensPerSecond(choice)))"
    }
    return
      "\(name(choice)): \(Int((link.latency * 1e6).rounded())) µs and \(number(link.bandwidth * 8e-9)) Gb/s between ranks; "
      + "tokens a second that are forecast: \(forecasts.joined(separator: ", "))"
  }

  /// Measures network and memory, and reads what the model's files tell. All ranks of the job have to call this at once.
  ///
  /// - Throws: `RankError`, and `ModelError` for a model that cannot be loaded.
  init(_ model: URL, _ quantization: Quantization?, threads: Int, _ communicator: any Communicator) throws {
    ranks = communicator.size
    link = try communicator.measureLink()
    var options = LoadOptions()
    options.quantization = quantization
    let (described, summary) = try describeModel(at: model, options: options)
    weightBytes = summary.weightBytes
    usableMemory = MachineLimits.current.usableMemory
    func obstacle(_ split: ParallelSplit) -> String? {
      options.share = RankGrid(communicator, stages: split.stages).share
      do {
        _ = try describeModel(at: model, options: options)
        return nil
      } catch { return "\(error)" }
    }
    tensorObstacle = obstacle(.grid(tensor: ranks, pipeline: 1))
    pipelineObstacle = obstacle(.grid(tensor: 1, pipeline: ranks))
    let active = Double(summary.activeParameterCount) / Double(max(summary.parameterCount, 1))
    forecast = RankForecast(
      weightBytes: Int(Double(summary.weightBytes) * active), sums: summary.layout.count + 1,
      width: described.hiddenWidth ?? 0)
    bandwidth = try RooflineMeter(threads: threads).measure().bandwidth
  }

  init(
    ranks: Int, link: RankLink, bandwidth: Double, forecast: RankForecast, weightBytes: Int, usableMemory: Int,
    tensorObstacle: String? = nil, pipelineObstacle: String? = nil
  ) {
    (self.ranks, self.link, self.bandwidth, self.forecast) = (ranks, link, bandwidth, forecast)
    (self.weightBytes, self.usableMemory) = (weightBytes, usableMemory)
    (self.tensorObstacle, self.pipelineObstacle) = (tensorObstacle, pipelineObstacle)
  }

  /// The choice of rank 0, on all ranks.
  func agree(_ communicator: any Communicator) throws(RankError) -> Choice {
    let told = try communicator.broadcast([choice.rawValue], within: communicator.patience)
    guard told.count == 1, let choice = Choice(rawValue: told[0]) else {
      throw .malformed(rank: 0, reason: "a choice of how to compute the model")
    }
    return choice
  }
}
