import ArgumentParser
import Foundation
import HybridBlocks
import InferCore
import InferKit
import Logging

/// The options of one of a server's models.
struct ModelSettings: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the model, or its GGUF file.", valueName: "path"), transform: PathArgument.init)
  var model: PathArgument?

  @OptionGroup var computing: ComputingOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var adapting: AdapterOptions
  @OptionGroup var template: ChatTemplateOptions
  @OptionGroup var output: OutputOptions
  @OptionGroup var serving: ServedModelOptions
  @OptionGroup var queue: QueueOptions
  @OptionGroup var residency: ResidencyOptions

  func validate() throws { try check(engineConfiguration) }

  /// The engine's configuration, as far as the model's own options say.
  var engineConfiguration: EngineConfiguration {
    var configuration = engine.configuration(threads: computing.threadCount)
    queue.configure(&configuration)
    configuration.reservesActivations = true
    return configuration
  }

  /// Looks for the model's files and its template, without reading tensors.
  ///
  /// - Throws: `ModelError` where there are none, or they are malformed.
  func checkFiles() throws {
    _ = try template.replacement()
    if let model { _ = try ModelSource(model.url).checkpoint() }
    for adapter in adapting.adapters { try adapter.checkFiles() }
  }

  /// The names that requests may call the model by.
  func names(of model: PathArgument) -> [String] {
    serving.names.isEmpty ? [ModelSource.name(of: model.url)] : serving.names
  }

  /// The memory that the model, or a rank's share of it, will take; `nil` where there is no model.
  func forecast(share: ModelShare = .whole) -> KeptForecast? {
    model.map { model in
      KeptForecast(model.url) { [computing, engineConfiguration] in
        try MemoryForecast(
          of: model.url, computing.loading.quantizing.quantization, share: share, engineConfiguration)
      }
    }
  }

  /// The model as the server's registry knows it.
  ///
  /// - Parameters:
  ///   - threads: The threads that all models compute with.
  ///   - ranked: The model as several processes compute it together; `nil` for this one alone.
  ///   - complete: Adds to the engine's configuration the part that is the server's.
  func definition(
    of model: PathArgument, threads: SharedThreads, ranked: RankedModel?, logger: Logger,
    complete: @escaping @Sendable (inout EngineConfiguration) -> Void
  ) -> HostedModel.Definition {
    let names = names(of: model)
    let forecast = forecast(share: ranked?.share ?? .whole)
    return HostedModel.Definition(
      names: names, adapters: adapting.adapters.map(\.name),
      adapterBytes: adapting.adapters.reduce(0) { $0 + $1.fileBytes }, path: model.description,
      loadsAtStart: residency.load == .start, isPinned: residency.pin,
      isDivided: ranked != nil, idleTime: residency.idleUnload.map { .seconds($0) },
      expectedBytes: { forecast?.value?.bytes }, diskUse: { ModelDiskUse(of: model.url) },
      load: { metrics, tell in
        do {
          return try load(
            model, as: names[0], threads.share(weight: residency.threadWeight), ranked, metrics, complete, logger,
            tell)
        } catch let error as ConfigurationError { throw CommandFailure(error.usage) }
      })
  }

  /// Computes this rank's share of the model, as rank 0 plans it. Returns when rank 0 has ended.
  ///
  /// - Throws: As loading the model does, and `RankError`.
  func follow(_ model: PathArgument, _ ranked: RankedModel) async throws {
    let ranks = ranked.grid.job
    let loaded = try computing.load(model, adapters: adapting.adapters, share: ranked.share)
    var configuration = engineConfiguration
    configuration.ranks = ranked.grid
    try ranked.check(loaded, configuration)
    let follower = try RankFollower(model: loaded, configuration: configuration)
    note("infer-serve: rank \(ranks.rank) of \(ranks.size) computes its share of \(model)")
    try await follower.run()
  }

  private func load(
    _ model: PathArgument, as name: String, _ threads: ThreadShare, _ ranked: RankedModel?, _ metrics: EngineMetrics,
    _ complete: (inout EngineConfiguration) -> Void, _ logger: Logger,
    _ tell: @escaping @Sendable (LoadProgress) -> Void
  ) throws -> ServedModel {
    let loaded = try computing.load(
      model, template: template.replacement(), adapters: adapting.adapters, share: ranked?.share ?? .whole,
      warn: { logger.warning("odd model", metadata: ["model": "\(name)", "warning": "\($0)"]) },
      tell: { progress in
        tell(progress)
        logger.info("loading", metadata: ["model": "\(name)", "progress": "\(progress.text)"])
      })
    guard let tokenizer = loaded.tokenizer else {
      throw CommandFailure("\(model) has no tokenizer.json, which serving needs")
    }
    var configuration = engineConfiguration
    complete(&configuration)
    configuration.ranks = ranked?.grid
    try ranked?.check(loaded, configuration)
    let engine = try Engine(loaded, configuration: configuration, metrics: metrics, threads: threads)
    let text = ChatText(
      tokenizer, output.format(loaded.outputFormat), allowsSpecialInMessages: template.allowSpecialInMessages)
    let served = ServedModel(
      model: loaded, name: name, text: text, engine: engine, overflow: serving.overflow, pooling: serving.pooling,
      scorer: try serving.scorer(of: loaded))
    try AddressSpace.checkBeforeServing()
    for sentence in loaded.chatTemplate?.adaptations ?? [] {
      logger.notice("messages are adapted", metadata: ["model": "\(name)", "how": "\(sentence)"])
    }
    if let warning = served.toolWarning {
      logger.warning("odd model", metadata: ["model": "\(name)", "warning": "\(warning)"])
    }
    return served
  }
}
