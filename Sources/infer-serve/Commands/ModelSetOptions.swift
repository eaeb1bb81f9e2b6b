import ArgumentParser
import InferCore

/// The options that all models of a server share.
struct ModelSetOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      A folder of models, or a cache of Hugging Face's, whose models are loaded on demand; may be repeated. \
      'infer-serve models' lists them.
      """, valueName: "path"))
  var modelsDir: [String] = []

  @Option(help: .hidden) var modelEntry: [ConfigurationEntry] = []

  @Option(help: .hidden) var routerEntry: [ConfigurationEntry] = []

  @Option(help: ArgumentHelp("The model of requests that name none (default: the first).", valueName: "name"))
  var defaultModel: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      Memory for the weights and state of all models together, beyond which those that nobody uses make room (default: \
      nine tenths of what the process may use).
      """, valueName: "MiB"))
  var modelsMemoryMib: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time that a request waits for its model to be loaded; it is told to come again then.", valueName: "seconds"))
  var loadWait = 60.0

  func validate() throws {
    try require(1...(1 << 40), "models-memory-mib", modelsMemoryMib)
    try require(0...604_800, "load-wait", loadWait)
  }

  /// The bytes of memory for all models.
  var budget: Int { modelsMemoryMib.map { $0 << 20 } ?? MachineLimits.current.usableMemory / 10 * 9 }
}
