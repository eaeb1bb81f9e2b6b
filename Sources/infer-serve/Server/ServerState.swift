import InferCore
import InferText

/// The stage of the server's life, and its models.
final class ServerState: Sendable {
  /// Stages of the life, in order.
  enum Phase: Sendable {
    case loading
    case ready
    case draining

    /// The stage's name.
    var name: String {
      switch self {
      case .loading: "loading"
      case .ready: "ok"
      case .draining: "draining"
      }
    }
  }

  private let state = Monitor(Phase.loading)
  /// Requests under way, of every kind.
  let responses = OpenResponses()
  /// The models that requests may name.
  let models: ModelRegistry
  /// The time that a request waits for its model to be loaded.
  let loadPatience: Duration

  init(_ models: ModelRegistry, loadPatience: Duration = .seconds(60)) {
    self.models = models
    self.loadPatience = loadPatience
  }

  /// The current stage.
  var phase: Phase {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  /// Takes requests from now on, unless the server is shutting down already. Returns whether it does.
  func becomeReady() -> Bool {
    state.withLock { phase in
      guard case .loading = phase else { return false }
      phase = .ready
      return true
    }
  }

  /// Refuses requests that no model would answer now, before more is known of them.
  func check() throws(APIError) {
    switch phase {
    case .ready: return
    case .loading:
      guard models.models.contains(where: { $0.isLoaded }) else { throw .loading(models.models[0]) }
    case .draining: throw .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
    }
  }

  /// The model of a name, or the first one, for a request: it is loaded first where it is not in memory. While the server
  /// starts nobody waits for that.
  ///
  /// - Parameters:
  ///   - other: Another name that the rights may be for: that of a router.
  ///   - grant: The request's rights, which the model has to be among.
  func model(
    named name: String? = nil, allowedAs other: String? = nil, for grant: Grant
  ) async throws(APIError) -> ServedModel {
    try check()
    let (model, adapter) = (try models.model(named: name), models.adapter(named: name))
    try grant.check(models: (other.map { [$0] } ?? []) + (adapter?.names ?? model.definition.names))
    let patience = if case .loading = phase { Duration.zero } else { loadPatience }
    return try await models.served(model, until: .now + patience).with(adapter)
  }

  /// The model of a name, or the first one, for a request about what is in memory.
  func loadedModel(named name: String? = nil, for grant: Grant) throws(APIError) -> ServedModel {
    try check()
    let (model, adapter) = (try models.model(named: name), models.adapter(named: name))
    try grant.check(models: adapter?.names ?? model.definition.names)
    return try models.loaded(model).with(adapter)
  }

  /// Makes readings of all models' metrics, one a second, until the server is shutting down.
  @concurrent func makeReadings() async throws {
    var next = ContinuousClock.now
    while true {
      if case .draining = phase { return models.models.forEach { $0.statistics.end() } }
      for model in models.models { model.statistics.sample() }
      // A machine that slept has no readings of that time.
      next = max(next + .seconds(1), .now)
      try await Task.sleep(until: next)
    }
  }
}
