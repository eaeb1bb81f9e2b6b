import Foundation
import HybridBlocks
import InferCore
import Synchronization

/// A model that is loaded and the engine that runs it.
struct ServedModel: Sendable {
  let model: LoadedModel
  let tokenizer: Tokenizer
  let engine: Engine
  /// When it was loaded, in seconds since 1970.
  let created: Int

  /// Refuses more choices than there is room for when nothing else runs or waits.
  func check(choices: Int) throws(APIError) {
    guard choices <= engine.limits.maxUnfinished else {
      throw .invalid(
        "n",
        "The request asks for \(choices) choices over all prompts, but at most \(engine.limits.maxUnfinished) "
          + "can run and wait.", code: "too_many_choices")
    }
  }
}

/// How far the server is in its life.
final class ServerState: Sendable {
  /// Stages of the life, in order.
  enum Phase: Sendable {
    case loading
    case ready(ServedModel)
    case draining
  }

  private let state = Mutex(Phase.loading)
  /// The name that requests call the model by.
  let modelName: String

  init(modelName: String) { self.modelName = modelName }

  /// The current stage.
  var phase: Phase {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }

  /// Takes requests from now on, unless the server is shutting down already. Returns whether it does.
  func becomeReady(_ served: ServedModel) -> Bool {
    state.withLock { phase in
      guard case .loading = phase else { return false }
      phase = .ready(served)
      return true
    }
  }

  /// The model, if the server is ready.
  func model() throws(APIError) -> ServedModel {
    switch phase {
    case .ready(let model): return model
    case .loading: throw .unavailable("The model is being loaded.", code: "loading", retryAfter: 2)
    case .draining: throw .unavailable("The server is shutting down.", code: "draining", retryAfter: 5)
    }
  }

  /// Refuses names of other models.
  func check(modelName name: String) throws(APIError) {
    guard name == modelName else { throw .modelNotFound(name, served: modelName) }
  }
}
