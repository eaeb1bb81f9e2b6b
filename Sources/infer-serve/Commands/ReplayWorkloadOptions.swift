import ArgumentParser

/// The options for what is sent to a server, and when.
struct ReplayWorkloadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Lengths and times of a trace.", valueName: "azure:FILE.csv|mooncake:FILE.jsonl"))
  var trace: String?

  @Option(
    help: ArgumentHelp("ShareGPT-like conversations, sent turn by turn.", valueName: "FILE.json"),
    transform: PathArgument.init)
  var conversations: PathArgument?

  @Option(
    name: [.customLong("requests"), .customLong("num-prompts")], parsing: .unconditional,
    help: ArgumentHelp(
      "Requests at most (default: 100 random ones, all of a file; of conversations, every turn counts).",
      valueName: "count"))
  var requests: Int?

  @Option(
    name: [.customLong("input-tokens"), .customLong("random-input-len")], parsing: .unconditional,
    help: ArgumentHelp("Tokens of a random prompt behind its prefix (default: 1024).", valueName: "count"))
  var inputTokens: Int?

  @Option(
    name: [.customLong("output-tokens"), .customLong("random-output-len")], parsing: .unconditional,
    help: ArgumentHelp(
      "Tokens of an answer to a random prompt (default: 128), or in conversations (default: as recorded).",
      valueName: "count"))
  var outputTokens: Int?

  @Option(
    name: [.customLong("prefix-tokens"), .customLong("random-prefix-len")], parsing: .unconditional,
    help: ArgumentHelp("Tokens that all random prompts begin with (default: 0).", valueName: "count"))
  var prefixTokens: Int?

  @Option(
    name: [.customLong("range-ratio"), .customLong("random-range-ratio")], parsing: .unconditional,
    help: ArgumentHelp(
      "How far random lengths vary: 0.25 for 75 % to 125 % of those asked for (default: 0).", valueName: "share"))
  var rangeRatio: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Arrivals a second, or inf for all at once (default: inf, a trace's own times).", valueName: "rate"))
  var requestRate: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Shape of the intervals: 1 for a Poisson process, less for bursts.", valueName: "shape"))
  var burstiness = 1.0

  @Option(
    parsing: .unconditional, help: ArgumentHelp("How much faster a trace's requests arrive.", valueName: "factor"))
  var rateScale: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How much longer a trace's prompts and answers, or recorded answers, are.", valueName: "factor"))
  var lengthScale: Double?

  @Option(parsing: .unconditional, help: ArgumentHelp("Decides lengths, times and words.", valueName: "number"))
  var seed: UInt64 = 0

  /// The kind and the file of a `--trace`.
  private enum Trace {
    case azure(String)
    case mooncake(String)
  }

  func validate() throws {
    try require(1...10_000_000, "requests", requests)
    try require(1...replayTokenLimit, "input-tokens", inputTokens)
    try require(1...replayTokenLimit, "output-tokens", outputTokens)
    try require(0...replayTokenLimit, "prefix-tokens", prefixTokens)
    try require(1e-3...1e3, "rate-scale", rateScale)
    try require(1e-6...1e3, "length-scale", lengthScale)
    try require(1e-3...1e6, "burstiness", burstiness)
    if let rangeRatio, !(0..<1).contains(rangeRatio) {
      throw ValidationError("--range-ratio must be from 0 up to but not 1, not \(rangeRatio)")
    }
    if let requestRate, !(requestRate >= 1e-6) {
      throw ValidationError("--request-rate must be a positive number of requests a second or inf, not \(requestRate)")
    }
    if trace != nil, conversations != nil { throw ValidationError("--trace and --conversations exclude each other") }
    if burstiness != 1, requestRate?.isFinite != true { throw ValidationError("--burstiness needs a --request-rate") }
    _ = try parsedTrace()
    try refuseWhatIsUnused()
  }

  private func refuseWhatIsUnused() throws {
    if trace != nil || conversations != nil {
      let random = [("input-tokens", inputTokens != nil), ("prefix-tokens", prefixTokens != nil)]
      for (name, isGiven) in random + [("range-ratio", rangeRatio != nil)] where isGiven {
        throw ValidationError(
          "--\(name) is for random prompts, not for \(trace == nil ? "--conversations" : "--trace")")
      }
    }
    if outputTokens != nil, trace != nil {
      throw ValidationError("--output-tokens is not for --trace, which has lengths of its own; see --length-scale")
    }
    if outputTokens != nil, lengthScale != nil {
      throw ValidationError("--output-tokens and --length-scale exclude each other")
    }
    if lengthScale != nil, trace == nil, conversations == nil {
      throw ValidationError("--length-scale needs --trace or --conversations")
    }
    if rateScale != nil, trace == nil || requestRate != nil {
      throw ValidationError("--rate-scale is for the times of a --trace, without --request-rate")
    }
  }

  private func parsedTrace() throws -> Trace? {
    guard let trace else { return nil }
    let parts = trace.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    switch (parts[0], parts.dropFirst().first) {
    case ("azure", let path?) where !path.isEmpty: return .azure(path)
    case ("mooncake", let path?) where !path.isEmpty: return .mooncake(path)
    default: throw ValidationError("--trace must be azure:FILE.csv or mooncake:FILE.jsonl, not \"\(trace)\"")
    }
  }

  /// The name of the workload's kind, as `vllm bench serve` has it where it has one.
  var kind: String {
    if let trace { return String(trace.prefix { $0 != ":" }) }
    return conversations == nil ? "random" : "sharegpt"
  }

  /// The sessions that the options ask for.
  func sessions() throws -> [ReplaySession] {
    let sessions: [ReplaySession]
    if let trace = try parsedTrace() {
      var workload = RecordedWorkload()
      workload.rateScale = rateScale ?? 1
      workload.lengthScale = lengthScale ?? 1
      switch trace {
      case .azure(let path): sessions = workload.sessions(try AzureTrace.read(TraceFile(path: path)))
      case .mooncake(let path):
        workload.blockTokens = MooncakeTrace.blockTokens
        sessions = workload.sessions(try MooncakeTrace.read(TraceFile(path: path)))
      }
    } else if let conversations {
      let reader = ConversationFile(outputTokens: outputTokens, lengthScale: lengthScale ?? 1)
      sessions = try reader.sessions(TraceFile(path: conversations.description))
    } else {
      sessions = random.sessions
    }
    let cut = sessions.cut(toRequests: requests)
    guard trace == nil || requestRate != nil else { return cut }
    return cut.arriving(ArrivalProcess(rate: requestRate ?? .infinity, burstiness: burstiness, seed: seed))
  }

  private var random: RandomWorkload {
    var workload = RandomWorkload(seed: seed)
    workload.requests = requests ?? workload.requests
    workload.inputTokens = inputTokens ?? workload.inputTokens
    workload.outputTokens = outputTokens ?? workload.outputTokens
    workload.prefixTokens = prefixTokens ?? workload.prefixTokens
    workload.rangeRatio = rangeRatio ?? workload.rangeRatio
    return workload
  }
}
