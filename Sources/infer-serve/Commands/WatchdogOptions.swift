import ArgumentParser

/// The time after which the server finds that something is wrong with itself.
struct WatchdogOptions: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time after which a step that has not ended is logged and counted; 0 for never.", valueName: "seconds"))
  var slowStep = 30.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time after which a step that has not ended ends the process, with exit code 70; 0 for never.",
      valueName: "seconds"))
  var stuckStep = 900.0

  func validate() throws {
    try require(0...604_800, "slow-step", slowStep)
    try require(0...604_800, "stuck-step", stuckStep)
  }

  /// The limits.
  var limits: Watchdog.Limits {
    Watchdog.Limits(
      slow: slowStep > 0 ? .seconds(slowStep) : nil, stuck: stuckStep > 0 ? .seconds(stuckStep) : nil)
  }
}
