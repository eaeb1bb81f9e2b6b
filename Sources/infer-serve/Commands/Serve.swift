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
      code of 128 and the signal's number if that cuts responses off. /docs is a page that describes all endpoints, \
      /openapi.json the same for programs.
      """)

  @OptionGroup var model: ModelOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var serving: ServedModelOptions
  @OptionGroup var listening: ListeningOptions
  @OptionGroup var access: AccessOptions
  @OptionGroup var queue: QueueOptions
  @OptionGroup var requests: RequestLimitOptions
  @OptionGroup var storage: StorageOptions
  @OptionGroup var log: LogOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Time to finish running requests after a signal.", valueName: "seconds")
  )
  var drainTimeout = 30.0

  func validate() throws {
    try require(0...604_800, "drain-timeout", drainTimeout)
    try check(configuration())
  }

  /// The engine's configuration.
  ///
  /// - Parameter warn: Tells of a folder that cannot be used.
  func configuration(warn: @escaping @Sendable (String) -> Void = { _ in }) -> EngineConfiguration {
    var configuration = engine.configuration(model)
    queue.configure(&configuration)
    configuration.readerPatience = .seconds(listening.idleTimeout)
    configuration.reservesActivations = true
    configuration.cacheFolder = storage.cacheFolder(warn: warn)
    return configuration
  }

  func run() async throws {
    try AddressSpace.checkBeforeStart()
    let keys = try access.keys()
    try access.check(keys, host: listening.host, isLocal: listening.isLocal)
    // One event loop does all input and output: the cores are the engine's.
    NIOSingletons.groupLoopCountSuggestion = 1
    let names = serving.names
    let state = ServerState(modelNames: names.isEmpty ? [ModelSource.name(of: model.model.url)] : names)
    let metrics = ServerMetrics(engine: EngineMetrics(modelName: state.modelNames[0]))
    let logger = log.logger(metrics)
    let lifecycle = ServeLifecycle(
      state: state, drainLimit: .seconds(drainTimeout), logger: logger,
      load: { [self] in try load(state.modelNames[0], metrics.engine, logger) },
      announce: { [self] in announce($0, port: $1, logger: logger) })
    let service = GenerationService(
      state: state, metrics: metrics, limits: requests.limits, bodies: requests.bodies,
      workers: RequestWorkers(processors: availableProcessorCount()), sessionFolder: storage.sessionFolder(),
      keys: keys, responses: try storage.responses(), logger: logger)
    let server = listening.configuration(logger)
    let router = Routes.router(service, origins: listening.origins)
    let application = HTTPServer.application(server, router: router) { lifecycle.listening(port: $0) }
    let signals = Task {
      for await arrived in await UnixSignalsSequence(trapping: .sigterm, .sigint) { lifecycle.signal(arrived.rawValue) }
    }
    let watching = keys?.watch(logger)
    defer {
      signals.cancel()
      watching?.cancel()
    }
    try await Self.run(ListeningService(application, server), lifecycle)
    logger.notice("stopped")
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
      overflow: serving.overflow, pooling: serving.pooling, scorer: try serving.scorer(of: loaded))
    try AddressSpace.checkBeforeServing()
    for sentence in loaded.chatTemplate?.adaptations ?? [] {
      logger.notice("messages are adapted", metadata: ["how": "\(sentence)"])
    }
    if let warning = served.toolWarning { logger.warning("odd model", metadata: ["warning": "\(warning)"]) }
    return served
  }

  private func announce(_ served: ServedModel, port: Int, logger: Logger) {
    var metadata: Logger.Metadata = ["model": "\(served.name)", "port": "\(port)"]
    switch log.logFormat {
    case .text: note(Banner.text(served, host: listening.host, port: port, threads: model.threadCount))
    case .json: metadata.merge(Banner.metadata(served, threads: model.threadCount)) { own, _ in own }
    }
    logger.notice("ready", metadata: metadata)
  }
}
