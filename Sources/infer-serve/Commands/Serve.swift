import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferKit
import InferMetrics
import InferText
import Logging
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
      code of 128 and the signal's number if that cuts responses off. / is a page to chat in for browsers, \
      /dashboard one that shows what the server does, /docs one that describes all endpoints, and /openapi.json the \
      same for programs.
      """)

  @Option(
    help: ArgumentHelp(
      """
      A YAML file of these options and a list of 'models', each with its own; the environment \
      (INFER_SERVE_MAX_CONTEXT …) and the command line count before it.
      """, valueName: "file"))
  var config: String?

  @OptionGroup var settings: ModelSettings
  @OptionGroup var models: ModelSetOptions
  @OptionGroup var placement: PlacementOptions
  @OptionGroup var division: ParallelOptions
  @OptionGroup var listening: ListeningOptions
  @OptionGroup var tls: TLSOptions
  @OptionGroup var access: AccessOptions
  @OptionGroup var requests: RequestLimitOptions
  @OptionGroup var storage: StorageOptions
  @OptionGroup var usage: UsageOptions
  @OptionGroup var watching: WatchdogOptions
  @OptionGroup var cacheEvents: CacheEventOptions
  @OptionGroup var log: LogOptions
  @OptionGroup var traces: TraceOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Time to finish running requests after a signal.", valueName: "seconds")
  )
  var drainTimeout = 30.0

  func validate() throws {
    try require(0...604_800, "drain-timeout", drainTimeout)
    guard tls.tlsCertificate == nil || listening.addresses.contains(where: { !$0.isSocket }) else {
      throw ValidationError("--tls-certificate needs --host or --port: a Unix socket has no TLS")
    }
    guard settings.model != nil || !models.modelEntry.isEmpty else {
      guard models.modelsDir.isEmpty else { throw ValidationError("there is no model in \(models.modelsDir[0])") }
      throw ValidationError("Missing expected argument '--model <path>'")
    }
    if division.parallel != nil { try checkDivision() }
    if cacheEvents.kvEventsEndpoint != nil { try checkCacheEvents() }
    for settings in try allSettings() {
      var configuration = settings.engineConfiguration
      configuration.cacheFolder = storage.cacheFolder(of: nil) { _ in }
      try check(configuration)
    }
    _ = try routers()
  }

  /// Refuses what a model that several processes compute cannot have.
  private func checkDivision() throws {
    let all = try allSettings()
    guard all.count == 1, settings.model != nil else {
      throw ValidationError("--parallel divides one model, --model; there are \(all.count)")
    }
    guard settings.residency.load == .start, settings.residency.idleUnload == nil else {
      throw ValidationError(
        "--parallel goes with neither --load demand nor --idle-unload: all processes keep the model")
    }
  }

  /// Refuses what nobody could tell events of.
  private func checkCacheEvents() throws {
    let all = try allSettings()
    guard all.count == 1 else {
      throw ValidationError("--kv-events-endpoint tells of one model's prefix cache; there are \(all.count) models")
    }
    guard all[0].engineConfiguration.keepsPrefixes else {
      throw ValidationError("--kv-events-endpoint makes no sense with --no-prefix-caching: nothing is kept")
    }
  }

  /// Refuses what the server would not start with, as far as its files tell. No tensor is read. Returns ``warnings(_:)``.
  func checkFiles() throws -> [String] {
    try access.check(try access.keys(), listening.openAddress)
    let certificates = try tls.certificates()
    _ = try usage.priceTable()
    try usage.checkFiles()
    try storage.checkFiles()
    try log.checkFiles()
    let settings = try allSettings()
    try ModelNames(
      models: settings.compactMap { settings in
        settings.model.map { (settings.names(of: $0), settings.adapting.adapters.map(\.name), $0.description) }
      },
      routers: try routers(), defaultName: models.defaultModel
    ).check()
    for model in settings { try model.checkFiles() }
    return try warnings(certificates)
  }

  /// Faults of a configuration that a server starts with all the same.
  private func warnings(_ certificates: TLSCertificates?) throws -> [String] {
    [InstructionSet.warning, certificates?.warning, try pinnedWarning()].compactMap { $0 }
  }

  /// One that is alone is loaded though it needs more.
  private func pinnedWarning() throws -> String? {
    let pinned = try allSettings().filter(\.residency.pin)
    guard pinned.count > 1 else { return nil }
    let bytes = pinned.reduce(0) { sum, model in
      let (bytes, overflow) = sum.addingReportingOverflow(model.forecast()?.value?.bytes ?? 0)
      return overflow ? .max : bytes
    }
    guard bytes > models.budget else { return nil }
    let names = pinned.compactMap { settings in settings.model.map { "'\(settings.names(of: $0)[0])'" } }
    return """
      \(names.joined(separator: ", ")) are pinned and need \(Quantity.mebibytes(bytes)), but there are \
      \(Quantity.mebibytes(models.budget)) for all models (--models-memory-mib): not all of them will be loaded
      """
  }

  func run() async throws {
    try AddressSpace.checkBeforeStart()
    let role = try role()
    switch role {
    case .unneeded: return
    case .follows(let grid): return try await follow(grid)
    case .alone, .leads: break
    }
    let grid = role.others
    let keys = try access.keys()
    try access.check(keys, listening.openAddress)
    let certificates = try tls.certificates()
    // One event loop does all input and output: the cores are the engine's.
    NIOSingletons.groupLoopCountSuggestion = 1
    let metrics = ServerMetrics()
    let logger = log.logger(metrics)
    for warning in try warnings(certificates) {
      logger.warning("odd configuration", metadata: ["warning": "\(warning)"])
    }
    placement.place(
      tell: { logger.notice("placement", metadata: ["numa": "\($0)"]) },
      warn: { logger.warning("placement", metadata: ["warning": "\($0)"]) })
    if let plan = role.plan { logger.notice("parallel", metadata: ["plan": "\(plan.description)"]) }
    let tracer = try traces.tracer(metrics, logger)
    let ranked = try grid.map { try RankedModel($0, expertLoads: division.expertLoads()) }
    if let balance = ranked?.balance { logger.notice("parallel", metadata: ["experts": "\(balance)"]) }
    let events = try cacheEvents.publish(logger)
    let state = ServerState(try registry(ranked, events, logger), loadPatience: .seconds(models.loadWait))
    let lifecycle = ServeLifecycle(
      state: state, drainLimit: .seconds(drainTimeout), logger: logger, listeners: listening.addresses.count
    ) { [self] in announce(state, $0, logger: logger) }
    let service = GenerationService(
      state: state, metrics: metrics, limits: requests.limits, bodies: requests.bodies,
      workers: RequestWorkers(processors: availableProcessorCount()), sessionFolder: storage.sessionFolder(),
      keys: keys, isEncrypted: certificates != nil, rootPath: listening.root, responses: try storage.responses(logger),
      ledger: try usage.ledger(logger), prices: try usage.priceTable(),
      tracer: tracer, requestLog: try log.requestLog(metrics, logger), logger: logger)
    let router = Routes.router(service, origins: listening.origins, proxies: listening.proxies)
    let listeners = listening.configurations(certificates, logger).map { configuration in
      ListeningService(
        HTTPServer.application(configuration, router: router, onListening: lifecycle.listening), configuration)
    }
    let signals = Task {
      for await arrived in await UnixSignalsSequence(trapping: .sigterm, .sigint) { lifecycle.signal(arrived.rawValue) }
    }
    let watchdog = Watchdog(state.models.models, watching.limits, metrics, logger)
    watchdog.start()
    let files = [keys?.watch(logger), certificates?.watch(logger), service.requestLog?.followSignals()]
    let readings = Task { try await state.makeReadings() }
    let counting = Task { await service.ledger?.writeLater() }
    let exporting = tracer.map { tracer in Task { await tracer.exporter.run() } }
    defer {
      signals.cancel()
      for task in files { task?.cancel() }
      watchdog.stop()
      readings.cancel()
      counting.cancel()
    }
    try await Self.run(listeners, lifecycle)
    let isJobDone = grid == nil ? true : await sendOthersHome(state)
    service.ledger?.close()
    await service.responses.flush()
    service.requestLog?.flush()
    tracer?.exporter.end()
    events?.end()
    await exporting?.value
    if isJobDone { ParallelOptions.leave(grid?.job) }
    logger.notice("stopped")
  }

  /// Ends the engine, and with it those who compute with it. Returns `false` where there is none yet, as others still wait to
  /// hear of it: a process that ends without leaving its job takes the job with it.
  private func sendOthersHome(_ state: ServerState) async -> Bool {
    let engines = state.models.models.compactMap { $0.use()?.engine }
    for engine in engines { await engine.shutdown() }
    return !engines.isEmpty
  }

  /// Runs the server until it has nothing left to do.
  static func run(_ listening: [some Service], _ lifecycle: ServeLifecycle) async throws {
    var configuration = ServiceGroupConfiguration(
      services: listening.map { .init(service: $0) } + [
        .init(service: lifecycle, successTerminationBehavior: .gracefullyShutdownGroup)
      ], logger: HTTPServer.quietLogger)
    // Connections that are still busy then belong to clients that do not read.
    configuration.maximumGracefulShutdownDuration = .seconds(2)
    try await ServiceGroup(configuration: configuration).run()
  }

  /// The settings of all models.
  func allSettings() throws -> [ModelSettings] {
    (settings.model == nil ? [] : [settings]) + (try models.modelEntry.map { try $0.settings() })
  }

  private func routers() throws -> [ModelRouter] {
    try models.routerEntry.map { try $0.settings(RouterSettings.self).router }
  }

  /// What the process does in its job: as the options say, or as all ranks choose together.
  private func role() throws -> JobRole {
    guard let ranks = try division.join() else { return .alone(nil) }
    var plan: ParallelPlan?
    var split = division.parallel ?? .auto
    if split == .auto, ranks.size > 1, let model = settings.model {
      let made = try ParallelPlan(
        model.url, settings.computing.loading.quantizing.quantization, threads: settings.computing.threadCount, ranks)
      let choice = try made.agree(ranks)
      guard choice != .alone else {
        ParallelOptions.leave(ranks)
        return ranks.rank == 0 ? .alone(made) : .unneeded
      }
      split = made.split(choice)
      plan = made
    }
    guard ranks.size > 1 else {
      ParallelOptions.leave(ranks)
      return .alone(plan)
    }
    let grid = RankGrid(ranks, stages: split.stages)
    return ranks.rank == 0 ? .leads(grid, plan) : .follows(grid)
  }

  /// Computes a share of the model with rank 0, which serves.
  private func follow(_ grid: RankGrid) async throws {
    // Whoever ends a job signals all of it, and rank 0 finishes what it has begun first.
    for number in [SIGTERM, SIGINT] { signal(number, SIG_IGN) }
    placement.place()
    guard let model = settings.model else { return }
    let ranked = RankedModel(grid, expertLoads: try division.expertLoads())
    do { try await settings.follow(model, ranked) } catch let error as RankError { grid.job.abort(error) }
    ParallelOptions.leave(grid.job)
  }

  /// The models, of which none is loaded yet.
  private func registry(_ ranked: RankedModel?, _ events: CacheEvents?, _ logger: Logger) throws -> ModelRegistry {
    let threads = try SharedThreads(count: settings.computing.threadCount)
    let patience = Duration.seconds(listening.idleTimeout)
    let all = try allSettings()
    let definitions = all.compactMap { settings in
      settings.model.map { model in
        let folder = storage.cacheFolder(of: all.count > 1 ? settings.names(of: model)[0] : nil) {
          logger.warning("cache folder", metadata: ["warning": "\($0)"])
        }
        return settings.definition(of: model, threads: threads, ranked: ranked, logger: logger) { configuration in
          configuration.readerPatience = patience
          configuration.cacheFolder = folder
          if let events { configuration.blockObserver = { events.note($0, $1) } }
        }
      }
    }
    return try ModelRegistry(
      definitions, routers: try routers(), defaultName: models.defaultModel, budget: models.budget,
      unloadLimit: .seconds(drainTimeout), logger: logger)
  }

  private func announce(_ state: ServerState, _ addresses: [ListeningAddress], logger: Logger) {
    let first = state.models.models[0]
    var metadata: Logger.Metadata = ["model": "\(first.name)"]
    for address in addresses { metadata.merge(address.metadata) { own, _ in own } }
    let threads = settings.computing.threadCount
    if let served = state.models.models.lazy.compactMap({ $0.use() }).first {
      switch log.logFormat {
      case .text: note(Banner.text(served, addresses, isEncrypted: tls.tlsCertificate != nil, threads: threads))
      case .json: metadata.merge(Banner.metadata(served, threads: threads)) { own, _ in own }
      }
    }
    logger.notice("ready", metadata: metadata)
  }
}
