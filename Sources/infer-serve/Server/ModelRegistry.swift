import Foundation
import InferCore
import InferText
import Logging

/// The models of a server by their names. Some are in memory, within one budget; the others are loaded when they are asked
/// for, in the place of those that nobody has used for longest.
final class ModelRegistry: Sendable {
  /// All models.
  let models: [HostedModel]
  /// Names that stand for two of them.
  let routers: [ModelRouter]
  /// The name of the model or router of requests that name none.
  let defaultName: String
  private let byName: [ExactText: HostedModel]
  private let adaptersByName: [ExactText: (adapter: ServedAdapter, model: HostedModel)]
  /// Adapters of models, in order of these.
  let adapters: [(adapter: ServedAdapter, model: HostedModel)]
  /// Loading and unloading, one at a time.
  private let changes: ModelChanges

  /// - Parameters:
  ///   - budget: Bytes of memory that models may take together; `nil` for any number.
  ///   - unloadLimit: The time that requests of a model which is unloaded get to end.
  ///   - defaultName: The first model's, unless it is given.
  /// - Throws: ``CommandFailure`` when there is no model, two have one name, or a name is given that none has.
  init(
    _ definitions: [HostedModel.Definition], routers: [ModelRouter] = [], defaultName: String? = nil,
    budget: Int? = nil, unloadLimit: Duration = .seconds(30), logger: Logger
  ) throws(CommandFailure) {
    let names = ModelNames(
      models: definitions.map { ($0.names, $0.adapters, $0.path) }, routers: routers, defaultName: defaultName)
    try names.check()
    models = definitions.map { HostedModel($0) }
    var byName: [ExactText: HostedModel] = [:]
    for model in models {
      for name in model.definition.names { byName[ExactText(name)] = model }
    }
    adapters = models.enumerated().flatMap { index, model in names.adapters(of: index).map { ($0, model) } }
    var adaptersByName: [ExactText: (adapter: ServedAdapter, model: HostedModel)] = [:]
    for entry in adapters {
      for name in entry.adapter.names { adaptersByName[ExactText(name)] = entry }
    }
    self.adaptersByName = adaptersByName
    self.defaultName = defaultName ?? definitions[0].names[0]
    self.routers = routers
    self.byName = byName
    changes = ModelChanges(models, budget: budget, unloadLimit: unloadLimit, logger: logger)
  }

  /// After how long a model that could not be loaded is tried again.
  static let pause = Duration.seconds(5)

  /// All names, those of each model together, those of routers, and the first of each adapter.
  var names: [String] { models.flatMap(\.definition.names) + routers.map(\.name) + adapters.map(\.adapter.name) }

  /// The adapter of a name, or of requests that name none; `nil` where that is a model's or a router's.
  func adapter(named name: String? = nil) -> ServedAdapter? { adaptersByName[ExactText(name ?? defaultName)]?.adapter }

  /// The model of a name, loaded or not; without one that of requests that name none. As with Ollama, a name without a tag
  /// may have the tag `latest`. A router's is its fast one, and an adapter's the one that it is added to.
  func model(named name: String? = nil) throws(APIError) -> HostedModel {
    let name = name ?? defaultName
    for name in Self.spellings(of: name) {
      if let model = byName[ExactText(name)] { return model }
      if let router = routers.first(where: { $0.name.isExactly(name) }), let model = byName[ExactText(router.fast)] {
        return model
      }
    }
    if let entry = adaptersByName[ExactText(name)] { return entry.model }
    throw .modelNotFound(name, served: names)
  }

  /// The router of a name, or of requests that name none; `nil` where that is a model's.
  func router(named name: String?) -> ModelRouter? {
    let names = Self.spellings(of: name ?? defaultName)
    return routers.first { router in names.contains { $0.isExactly(router.name) } }
  }

  private static func spellings(of name: String) -> [String] {
    let latest = ":latest"
    return name.hasSuffix(latest) ? [name, String(name.dropLast(latest.count))] : [name]
  }

  /// A model for a request, which is loaded first where it is not in memory.
  ///
  /// - Parameter deadline: The end of waiting; a request that comes later may find the model loaded.
  func served(_ model: HostedModel, until deadline: ContinuousClock.Instant) async throws(APIError) -> ServedModel {
    let asked = ContinuousClock.now
    while true {
      if let served = model.use() { return served }
      switch model.state {
      case .ready: continue
      // Also a failure of long ago is the answer, if the request has waited for that load and was late to hear of it.
      case .failed(let error, let time) where time >= asked || time + Self.pause > .now:
        throw .failed(model, error, at: time)
      case .unloaded, .unloading, .failed: changes.load(model)
      case .loading: break
      }
      guard ContinuousClock.now < deadline, !Task.isCancelled else { throw .loading(model) }
      await model.loaded(until: deadline)
    }
  }

  /// A model for a request that is about one in memory.
  func loaded(_ model: HostedModel) throws(APIError) -> ServedModel {
    if let served = model.use() { return served }
    guard case .loading = model.state else { throw .notLoaded(model) }
    throw .loading(model)
  }

  /// Loads the models that are to be there from the start, and returns when each of them is loaded or has failed.
  func loadAtStart() async {
    for model in models where model.definition.loadsAtStart { await changes.load(model).value }
  }

  /// Why there is no model to serve; `nil` while one is loaded or may yet be.
  var failure: (any Error)? {
    var first: (any Error)?
    for model in models {
      guard case .failed(let error, _) = model.state else { return nil }
      first = first ?? error
    }
    return first
  }

  /// Loads a model, unless it is there, and returns when it is loaded or has failed.
  func load(_ model: HostedModel) async { await changes.load(model).value }

  /// Unloads a model when the requests that it has are finished.
  func unload(_ model: HostedModel) async { await changes.unload(model).value }

  /// Unloads models that have not been used for the time that they have, until the task is cancelled.
  func unloadIdle() async {
    while !Task.isCancelled {
      for model in models {
        guard let idleTime = model.idleTime, case .ready = model.state, !model.isBusy,
          model.lastUse + idleTime <= .now
        else { continue }
        await changes.unload(model, because: "idle").value
      }
      try? await Task.sleep(for: .milliseconds(500))
    }
  }

  /// Refuses new requests in all models, and returns when none is unfinished; see ``Engine/drain(within:)``.
  func drain(within limit: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      for model in models {
        guard let served = model.use() else { continue }
        group.addTask { await served.engine.drain(within: limit) }
      }
    }
  }
}
