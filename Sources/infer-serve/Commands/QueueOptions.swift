import ArgumentParser
import InferCore

/// The requests that run and wait, and how fast those that run are to be.
struct QueueOptions: ParsableArguments {
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Sequences that run at the same time at most.", valueName: "count"))
  var maxRunning = EngineConfiguration().maxRunning

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Requests that wait at most; more get status 429.", valueName: "count"))
  var maxQueue = EngineConfiguration().maxQueue

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Prompt tokens of waiting requests at most, beside those of the first; more get status 429 (default: no limit).",
      valueName: "count"))
  var maxQueueTokens: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Time from token to token of answers that prompts of others leave them, as far as the model can be that fast \
      (default: steps as long as throughput asks for).
      """, valueName: "ms"))
  var targetItlMs: Double?

  func validate() throws { try require(1...60_000, "target-itl-ms", targetItlMs) }

  /// Sets what the engine is to know of it.
  func configure(_ configuration: inout EngineConfiguration) {
    configuration.maxRunning = maxRunning
    configuration.maxQueue = maxQueue
    configuration.maxQueueTokens = maxQueueTokens
    configuration.interTokenTarget = targetItlMs.map { .milliseconds($0) }
  }
}
