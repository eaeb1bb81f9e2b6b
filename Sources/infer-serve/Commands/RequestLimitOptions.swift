import ArgumentParser

/// The size of requests, and the time for them.
struct RequestLimitOptions: ParsableArguments {
  @Option(parsing: .unconditional, help: ArgumentHelp("Size of a request's body at most.", valueName: "KiB"))
  var maxBodyKib = 4096

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Bodies of requests that are being read, all together at most.", valueName: "MiB"))
  var maxBodiesMib = 64

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Time for a request, from its head to the end of its response.", valueName: "seconds"))
  var requestTimeout = 600.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time after which a stream that has nothing to tell gets a comment line, which clients skip; 0 for never.",
      valueName: "seconds"))
  var keepAliveInterval = 5.0

  func validate() throws {
    try require(1...1_048_576, "max-body-kib", maxBodyKib)
    try require(1...1_048_576, "max-bodies-mib", maxBodiesMib)
    try require(0.001...604_800, "request-timeout", requestTimeout)
    try require(0...604_800, "keep-alive-interval", keepAliveInterval)
  }

  /// Bounds of a request.
  var limits: GenerationService.Limits {
    GenerationService.Limits(
      bodyBytes: maxBodyKib * 1024, requestTime: .seconds(requestTimeout), keepAlive: .seconds(keepAliveInterval))
  }

  /// The bound of all bodies together.
  var bodies: BodyBudget { BodyBudget(limit: maxBodiesMib << 20) }
}
