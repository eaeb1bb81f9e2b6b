public import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferKit
import InferMetrics
import InferText
public import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// `infer-serve serve`: the model behind an OpenAI-compatible HTTP interface.
struct Serve: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Serves a model over HTTP, compatible with OpenAI's API.",
    discussion: """
      Listens at once and answers /health with 503 until the model is loaded. SIGTERM or SIGINT drains: new requests \
      are refused, running ones are finished, for at most --drain-timeout. A second signal stops at once, with an exit \
      code of 128 and the signal's number if that cuts responses off. /docs is a page that describes all endpoints, \
      /openapi.json the same for programs.
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var output: OutputOptions

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Names that requests may call the model by (default: its folder or file): the first stands in responses, the "
        + "others are aliases. Commas separate them too, and the option may be given several times.",
      valueName: "name"))
  var servedModelName: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      Prompts that leave no room for an answer in the context: 'error' refuses them; 'shift' leaves out a conversation's \
      oldest turns, or a text's oldest tokens, and says so. A request may have its own 'overflow'. An answer that comes \
      to the context's end ends there either way, with finish_reason 'length'.
      """, valueName: "policy"))
  var overflow = Overflow.error

  @Option(
    help: ArgumentHelp(
      "Pooling of embeddings: mean, last or cls (default: what the model's files say, or last). A request may have its own.",
      valueName: "way"))
  var pooling: Pooling?

  @Option(
    help: ArgumentHelp(
      """
      The scores of /v1/rerank and /v1/score: 'judge' asks the model about each document, as Qwen3-Reranker is asked; \
      'cosine' compares embeddings; 'auto' asks models whose files say that they judge.
      """, valueName: "way"))
  var ranking = RankingMethod.auto

  @Option(help: ArgumentHelp("Address to listen on.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(parsing: .unconditional, help: ArgumentHelp("Port to listen on; 0 for a free one.", valueName: "number"))
  var port = 8080

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
    parsing: .unconditional, help: ArgumentHelp("Time for a connection to send its next request.", valueName: "seconds")
  )
  var idleTimeout = 60.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Time after which a stream that has nothing to tell gets a comment line, which clients skip; 0 for never.",
      valueName: "seconds"))
  var keepAliveInterval = 5.0

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Time to finish running requests after a signal.", valueName: "seconds")
  )
  var drainTimeout = 30.0

  @Option(
    help: ArgumentHelp(
      "Folder for what is kept of requests, so that it outlives memory and a restart.", valueName: "path"),
    transform: PathArgument.init)
  var cacheDir: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Size of all files in --cache-dir at most; what was used longest ago goes first.", valueName: "MiB"))
  var cacheDirMib = CacheFolder.defaultMaxMiB

  @Option(
    help: ArgumentHelp(
      "Folder for sessions, which clients save and restore by name (/v1/sessions, /slots).", valueName: "path"),
    transform: PathArgument.init)
  var sessionDir: PathArgument?

  @Option(
    help: ArgumentHelp(
      "SQLite file for responses that clients store (/v1/responses), which then outlive a restart and the budget of "
        + "memory; it grows until they are deleted.", valueName: "path"), transform: PathArgument.init)
  var store: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Stored responses in memory at most; those used longest ago go first.", valueName: "MiB"))
  var storeMib = 64

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Connections at most (default: what the limit of descriptors leaves).", valueName: "count"))
  var maxConnections: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Connections from one address at most (default: half of all, and as many as they like from this machine).",
      valueName: "count"))
  var maxConnectionsPerAddress: Int?

  @Option(
    help: ArgumentHelp(
      """
      A host name that requests may be for; may be repeated. A server on a loopback address takes no others, beside \
      localhost and addresses; any other server takes all unless some are given. '*' stands for all.
      """, valueName: "name"))
  var allowedHost: [String] = []

  @Option(
    help: ArgumentHelp(
      "Least severe log lines: trace, debug, info, notice, warning, error or critical.", valueName: "level"))
  var logLevel = Logger.Level.info

  @Option(help: ArgumentHelp("Form of log lines: text or json.", valueName: "form"))
  var logFormat = LogFormat.text

  func validate() throws {
    try require(0...65_535, "port", port)
    try require(1...1_048_576, "max-body-kib", maxBodyKib)
    try require(1...1_048_576, "max-bodies-mib", maxBodiesMib)
    try require(0.001...604_800, "request-timeout", requestTimeout)
    try require(0.001...604_800, "idle-timeout", idleTimeout)
    try require(1...60_000, "target-itl-ms", targetItlMs)
    try require(0...604_800, "keep-alive-interval", keepAliveInterval)
    try require(0...604_800, "drain-timeout", drainTimeout)
    if let maxConnections { try require(1...1_048_576, "max-connections", maxConnections) }
    if let maxConnectionsPerAddress {
      try require(1...1_048_576, "max-connections-per-address", maxConnectionsPerAddress)
    }
    guard servedModelName.isEmpty || !names.isEmpty else {
      throw ValidationError("--served-model-name needs a name that is not empty")
    }
    try require(1...(1 << 24), "cache-dir-mib", cacheDirMib)
    try require(0...1_048_576, "store-mib", storeMib)
    try check(configuration())
  }

  /// The engine's configuration.
  ///
  /// - Parameter warn: Tells of a folder that cannot be used.
  func configuration(warn: @escaping @Sendable (String) -> Void = { _ in }) -> EngineConfiguration {
    var configuration = engine.configuration(model)
    configuration.maxRunning = maxRunning
    configuration.maxQueue = maxQueue
    configuration.maxQueueTokens = maxQueueTokens
    configuration.interTokenTarget = targetItlMs.map { .milliseconds($0) }
    configuration.readerPatience = .seconds(idleTimeout)
    configuration.reservesActivations = true
    configuration.cacheFolder = cacheDir.map { CacheFolder($0.url, maxMiB: cacheDirMib, warn: warn) }
    return configuration
  }

  /// The names that are given for the model.
  var names: [String] { servedModelName.flatMap { $0.split(separator: ",").map(String.init) } }

  func run() async throws {
    try AddressSpace.checkBeforeStart()
    // One event loop does all input and output: the cores are the engine's.
    NIOSingletons.groupLoopCountSuggestion = 1
    let state = ServerState(modelNames: names.isEmpty ? [ModelSource.name(of: model.model.url)] : names)
    let metrics = ServerMetrics(engine: EngineMetrics(modelName: state.modelNames[0]))
    let logger = Logger(label: "infer-serve") { [logLevel, logFormat] label in
      LogOutput(
        logLevel: logLevel, label: label, format: logFormat,
        noteDropped: { metrics.logLinesDropped().increment() })
    }
    LineWriter.standardError.describeDropped { [logFormat] count in
      LogOutput.line(
        logFormat, level: .warning, message: "log lines dropped", fields: [(key: "count", value: "\(count)")],
        date: Date())
    }
    let lifecycle = ServeLifecycle(
      state: state, drainLimit: .seconds(drainTimeout), logger: logger,
      load: { [self] in try load(state.modelNames[0], metrics.engine, logger) },
      announce: { [self] in announce($0, port: $1, logger: logger) })
    let sessionFolder = sessionDir.map { SessionFolder(url: $0.url) }
    sessionFolder?.removeUnfinished()
    let service = GenerationService(
      state: state, metrics: metrics,
      limits: GenerationService.Limits(
        bodyBytes: maxBodyKib * 1024, requestTime: .seconds(requestTimeout), keepAlive: .seconds(keepAliveInterval)),
      bodies: BodyBudget(limit: maxBodiesMib << 20),
      workers: RequestWorkers(processors: availableProcessorCount()), sessionFolder: sessionFolder,
      responses: ResponseStore(
        limit: storeMib << 20, database: try store.map { path in try ResponseDatabase(path: path.description) }),
      logger: logger)
    let server = HTTPServer.Configuration(host: host, port: port, rules: connectionRules(logger))
    let application = HTTPServer.application(server, router: Routes.router(service)) { port in
      lifecycle.listening(port: port)
    }
    let signals = Task {
      for await arrived in await UnixSignalsSequence(trapping: .sigterm, .sigint) { lifecycle.signal(arrived.rawValue) }
    }
    defer { signals.cancel() }
    try await Self.run(ListeningService(application, server), lifecycle)
    logger.notice("stopped")
  }

  private func connectionRules(_ logger: Logger) -> ConnectionRules {
    let descriptors = ConnectionLimits.raiseDescriptorLimit()
    let limits = ConnectionLimits(
      descriptors: descriptors, total: maxConnections, perAddress: maxConnectionsPerAddress)
    if limits.descriptors > descriptors {
      logger.warning(
        "few descriptors", metadata: ["needed": "\(limits.descriptors)", "limit": "\(descriptors)"])
    }
    return ConnectionRules(
      idleTimeout: .seconds(idleTimeout),
      hosts: HostRule(names: allowedHost, isLoopback: HTTPServer.isLoopback(host, port: port)),
      connections: Connections(limits: limits), log: RateLimitedLog(logger))
  }

  /// Runs the server until it has nothing left to do.
  static func run(_ listening: some Service, _ lifecycle: ServeLifecycle) async throws {
    var configuration = ServiceGroupConfiguration(
      services: [
        .init(service: listening),
        .init(service: lifecycle, successTerminationBehavior: .gracefullyShutdownGroup),
      ], logger: HTTPServer.quietLogger)
    // Connections that are still busy then belong to clients that do not read.
    configuration.maximumGracefulShutdownDuration = .seconds(2)
    try await ServiceGroup(configuration: configuration).run()
  }

  private func load(_ name: String, _ metrics: EngineMetrics, _ logger: Logger) throws -> ServedModel {
    let loaded = try model.load(
      template: template.replacement(),
      warn: { logger.warning("odd model", metadata: ["warning": "\($0)"]) },
      tell: { logger.info("loading", metadata: ["progress": "\($0.text)"]) })
    guard let tokenizer = loaded.tokenizer else {
      throw CommandFailure("\(model.model) has no tokenizer.json, which serving needs")
    }
    let configuration = configuration { logger.warning("cache folder", metadata: ["warning": "\($0)"]) }
    let engine = try Engine(loaded, configuration: configuration, metrics: metrics)
    let text = ChatText(
      tokenizer, output.format(loaded.outputFormat), allowsSpecialInMessages: template.allowSpecialInMessages)
    let served = ServedModel(
      model: loaded, name: name, text: text, engine: engine, created: Int(Date().timeIntervalSince1970),
      overflow: overflow, pooling: pooling, scorer: try scorer(of: loaded))
    try AddressSpace.checkBeforeServing()
    for sentence in loaded.chatTemplate?.adaptations ?? [] {
      logger.notice("messages are adapted", metadata: ["how": "\(sentence)"])
    }
    if let warning = served.toolWarning { logger.warning("odd model", metadata: ["warning": "\(warning)"]) }
    return served
  }

  private func scorer(of loaded: LoadedModel) throws -> RelevanceScorer? {
    switch ranking {
    case .auto: return loaded.scorer
    case .cosine: return nil
    case .judge:
      do { return try loaded.scorer ?? loaded.judge() } catch { throw CommandFailure("--ranking judge: \(error)") }
    }
  }

  private func announce(_ served: ServedModel, port: Int, logger: Logger) {
    var metadata: Logger.Metadata = ["model": "\(served.name)", "port": "\(port)"]
    switch logFormat {
    case .text: note(Banner.text(served, host: host, port: port, threads: model.threadCount))
    case .json: metadata.merge(Banner.metadata(served, threads: model.threadCount)) { own, _ in own }
    }
    logger.notice("ready", metadata: metadata)
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}
extension Overflow: ExpressibleByArgument {}
extension Pooling: ExpressibleByArgument {}
extension RankingMethod: ExpressibleByArgument {}
