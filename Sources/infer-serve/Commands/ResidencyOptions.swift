import ArgumentParser

/// When a model is in memory, and how much of the processors' time it gets there.
struct ResidencyOptions: ParsableArguments {
  /// When a model is loaded.
  enum Loading: String, CaseIterable, ExpressibleByArgument {
    /// When the server starts.
    case start
    /// When it is first asked for.
    case demand
  }

  @Option(help: ArgumentHelp("When the model is loaded: at the 'start', or on 'demand'.", valueName: "time"))
  var load = Loading.start

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Unload the model when it has had no request for so long (default: never).", valueName: "seconds"))
  var idleUnload: Double?

  @Flag(help: "Keep the model in memory when other models need room.")
  var pin = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The model's share of the processors' time while other models compute as well.", valueName: "weight"))
  var threadWeight = 1.0

  func validate() throws {
    try require(0...604_800, "idle-unload", idleUnload)
    try require(0.001...1000, "thread-weight", threadWeight)
  }
}
