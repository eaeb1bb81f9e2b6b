import Foundation
import HTTPTypes
import Hummingbird
import InferCore
import Logging
import NIOCore

/// The companion of a request through middleware and endpoint.
struct ServeContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// The connection, to learn when the client is gone.
  let channel: any Channel
  /// The one who has connected.
  let peer: ConnectionOrigin
  /// The contents of the request's log line.
  let record = RequestRecord()
  /// The method, if it is none of those that are known.
  var unknownMethod: HTTPRequest.Method?
  /// The rights of the request.
  var grant = Grant.anonymous

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
    peer = ConnectionOrigin(of: channel)
  }
}

/// The facts about a request when it ends, for its log line.
final class RequestRecord: Sendable {
  /// Tokens and outcome of a generation.
  struct Generation {
    var promptTokens = 0
    var generatedTokens = 0
    /// Tokens of the prompt that were found in the prefix cache.
    var cachedTokens = 0
    /// Generated tokens of reasoning.
    var reasoningTokens = 0
    /// The time in which the prompt was read and tokens generated.
    var runningTime = Duration.zero
    var finishReason: String?
    /// The error that cut the answer off.
    var failure: APIError?
    /// The costs of the choices.
    var statistics: [GenerationStatistics] = []
    /// The answers of the choices, where somebody wants them.
    var transcripts: [ChoiceTranscript] = []

    /// Tokens of prompt and answer.
    var tokens: Int { promptTokens + generatedTokens }

    /// Until the engine began, until the first token and until the last, by the names that logs have for them. Of choices,
    /// which run side by side, the longest.
    var times: [(name: String, time: Duration)] {
      guard !statistics.isEmpty else { return [] }
      return [
        ("queue_ms", statistics.map(\.queueTime).max() ?? .zero),
        ("prefill_ms", statistics.map(\.prefillTime).max() ?? .zero),
        ("decode_ms", statistics.map(\.decodeTime).max() ?? .zero),
      ]
    }
  }

  private struct State {
    var id = ""
    var key: String?
    var route: String?
    var model: String?
    var tally: UsageTally?
    var limits = HTTPFields()
    var admission: Admission?
    var generation: Generation?
    var isLogged = false
    var trace: RequestTrace?
    var body: RequestLogEntry.Body?
    var secret: String?
    var ending = Ending.atResponse
  }

  /// When the answer is over.
  private enum Ending {
    case atResponse
    /// Later than the response.
    case later
    /// It is over, and nobody has been told.
    case over(Generation)
    /// Somebody waits to be told.
    case awaited(@Sendable (Generation?) -> Void)
  }

  private let state = Monitor(State())

  /// The request's id, as in the response's `x-request-id`.
  var id: String {
    get { state.withLock { $0.id } }
    set { state.withLock { $0.id = newValue } }
  }

  /// The name of the request's key; `nil` for none.
  var key: String? {
    get { state.withLock { $0.key } }
    set { state.withLock { $0.key = newValue } }
  }

  /// The name of the model that answers; `nil` until it is known.
  var model: String? { state.withLock { $0.model } }

  /// Notes which model answers, and begins to count what that costs.
  func answers(_ model: String, _ metrics: ServerMetrics, _ ledger: UsageLedger?) {
    let tally = UsageTally(key: key, model: model, metrics, ledger)
    state.withLock { ($0.model, $0.tally) = (model, tally) }
  }

  /// Counts the answer's cost; `nil` until the model is known.
  var tally: UsageTally? { state.withLock { $0.tally } }

  /// The route that a router chose: `fast` or `slow`; `nil` for a request that names a model.
  var route: String? {
    get { state.withLock { $0.route } }
    set { state.withLock { $0.route = newValue } }
  }

  /// The response's header fields about the key's limits.
  var limits: HTTPFields {
    get { state.withLock { $0.limits } }
    set { state.withLock { $0.limits = newValue } }
  }

  /// Notes the request's place among those of its key, which it has until ``generation`` is set or ``end()``.
  func admit(_ admission: Admission) { state.withLock { $0.admission = admission } }

  /// The request's place, which is from now on the caller's to end.
  func takeAdmission() -> Admission? { state.withLock { $0.admission.take() } }

  /// Set by endpoints that generate, before a client can know that the answer is over: the key is charged with it.
  var generation: Generation? {
    get { state.withLock { $0.generation } }
    set {
      state.withLock { $0.generation = newValue }
      if let newValue { tally?.finish(newValue) }
      end()
    }
  }

  /// Whether request and answer are to be logged whole.
  var isLogged: Bool {
    get { state.withLock { $0.isLogged } }
    set { state.withLock { $0.isLogged = newValue } }
  }

  /// The request's spans; `nil` where nobody wants them.
  var trace: RequestTrace? {
    get { state.withLock { $0.trace } }
    set { state.withLock { $0.trace = newValue } }
  }

  /// Whether somebody wants the answers of choices.
  var isTranscribed: Bool { state.withLock { $0.isLogged || $0.trace != nil } }

  /// The body, where it is to be logged.
  var body: RequestLogEntry.Body? {
    get { state.withLock { $0.body } }
    set { state.withLock { $0.body = newValue } }
  }

  /// The API key, where it must be kept out of a log.
  var secret: String? {
    get { state.withLock { $0.secret } }
    set { state.withLock { $0.secret = newValue } }
  }

  // MARK: Answers without their clients

  /// The answer goes on when the response is over, until ``endLater(_:)``.
  func detach() { state.withLock { $0.ending = .later } }

  /// An answer that was detached is over.
  func endLater(_ generation: Generation) {
    let action: (@Sendable (Generation?) -> Void)? = state.withLock { state in
      if case .awaited(let action) = state.ending { return action }
      state.ending = .over(generation)
      return nil
    }
    action?(generation)
  }

  /// Calls `action` once with what was generated, when the answer is over: now, unless it was detached.
  func whenOver(_ action: @escaping @Sendable (Generation?) -> Void) {
    let generation: Generation?? = state.withLock { state in
      switch state.ending {
      case .atResponse: return .some(state.generation)
      case .over(let generation): return .some(generation)
      case .later, .awaited:
        state.ending = .awaited(action)
        return nil
      }
    }
    if let generation { action(generation) }
  }

  /// The answer is over.
  func end() {
    let (admission, generation) = state.withLock { ($0.admission.take(), $0.generation) }
    admission?.end(tokens: generation?.tokens ?? 0)
  }
}

extension HTTPField.Name {
  /// Names a request across the logs of client and server.
  static var requestID: HTTPField.Name { knownName("x-request-id") }
  /// The place of the request's span, as the W3C's Trace Context will have it.
  static var traceResponse: HTTPField.Name { knownName("traceresponse") }
  /// The same, as Anthropic's clients know it.
  static var anthropicRequestID: HTTPField.Name { knownName("request-id") }
  /// The part of a prompt that was left out.
  static var contextShift: HTTPField.Name { knownName("x-context-shift") }
  /// The route of a request for a router.
  static var modelRoute: HTTPField.Name { knownName("x-model-route") }
  /// Keeps nginx from holding back a stream.
  static var accelBuffering: HTTPField.Name { knownName("x-accel-buffering") }
}
