import Foundation
import HybridBlocks
import InferCore

/// The choice between a model that all ranks of a job compute and one that rank 0 computes alone, with what speaks for it.
struct ParallelPlan: Equatable {
  let ranks: Int
  let link: RankLink
  /// The bytes a second that rank 0 reads from memory.
  let bandwidth: Double
  let forecast: RankForecast
  /// Bytes of all weights, and of the memory that rank 0 may use.
  let weightBytes, usableMemory: Int
  /// Why the model cannot be divided among the ranks; `nil` where it can.
  let obstacle: String?

  /// Tokens a second of one sequence, of a number of ranks.
  func tokensPerSecond(_ ranks: Int) -> Double { 1 / forecast.seconds(ranks: ranks, bandwidth: bandwidth, link: link) }

  /// `true` where one rank has no room for the weights.
  var isTooLargeForOne: Bool { weightBytes > usableMemory / 10 * 9 }

  /// `true` where all ranks compute.
  var isDivided: Bool { obstacle == nil && (isTooLargeForOne || tokensPerSecond(ranks) > tokensPerSecond(1)) }

  /// One line for people.
  var description: String {
    func number(_ value: Double) -> String {
      value.formatted(.number.precision(.fractionLength(1)).locale(Locale(identifier: "en_US_POSIX")))
    }
    func speed(_ ranks: Int) -> String { number(tokensPerSecond(ranks)) }
    let link =
      "\(Int((link.latency * 1e6).rounded())) µs and \(number(link.bandwidth * 8e-9)) Gb/s between ranks"
    let reason =
      if let obstacle { obstacle } else if isTooLargeForOne {
        "the weights are too large for one machine"
      } else { "\(speed(ranks)) tokens a second by \(ranks) ranks and \(speed(1)) by one are forecast" }
    return "\(isDivided ? "tensor=\(ranks)" : "one rank alone"): \(link), \(reason)"
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
    options.share = ModelShare(rank: 0, of: ranks)
    do {
      _ = try describeModel(at: model, options: options)
      obstacle = nil
    } catch { obstacle = "\(error)" }
    let active = Double(summary.activeParameterCount) / Double(max(summary.parameterCount, 1))
    forecast = RankForecast(
      weightBytes: Int(Double(summary.weightBytes) * active), sums: summary.layout.count + 1,
      width: described.hiddenWidth ?? 0)
    bandwidth = try RooflineMeter(threads: threads).measure().bandwidth
  }

  init(
    ranks: Int, link: RankLink, bandwidth: Double, forecast: RankForecast, weightBytes: Int, usableMemory: Int,
    obstacle: String? = nil
  ) {
    (self.ranks, self.link, self.bandwidth, self.forecast) = (ranks, link, bandwidth, forecast)
    (self.weightBytes, self.usableMemory, self.obstacle) = (weightBytes, usableMemory, obstacle)
  }

  /// The choice of rank 0, on all ranks.
  func agree(_ communicator: any Communicator) throws(RankError) -> Bool {
    try communicator.broadcast([isDivided ? 1 : 0], within: communicator.patience) == [1]
  }
}
