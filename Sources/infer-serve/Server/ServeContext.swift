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
  /// The contents of the request's log line.
  let record = RequestRecord()
  /// The method, if it is none of those that are known.
  var unknownMethod: HTTPRequest.Method?

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    channel = source.channel
  }
}

/// The facts about a request when it ends, for its log line.
final class RequestRecord: Sendable {
  /// Tokens and outcome of a generation.
  struct Generation {
    var promptTokens = 0
    var generatedTokens = 0
    var finishReason: String?
    /// The code of the error that cut the answer off.
    var error: String?
  }

  private let state = Monitor<(id: String, generation: Generation?)>(("", nil))

  /// The request's id, as in the response's `x-request-id`.
  var id: String {
    get { state.withLock { $0.id } }
    set { state.withLock { $0.id = newValue } }
  }

  /// Set by endpoints that generate.
  var generation: Generation? {
    get { state.withLock { $0.generation } }
    set { state.withLock { $0.generation = newValue } }
  }
}

extension HTTPField.Name {
  /// Names a request across the logs of client and server.
  static var requestID: HTTPField.Name { knownName("x-request-id") }
  /// The same, as Anthropic's clients know it.
  static var anthropicRequestID: HTTPField.Name { knownName("request-id") }
  /// The part of a prompt that was left out.
  static var contextShift: HTTPField.Name { knownName("x-context-shift") }
  /// Keeps nginx from holding back a stream.
  static var accelBuffering: HTTPField.Name { knownName("x-accel-buffering") }

  /// A name that is right as it stands in the sources.
  static func knownName(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no name of a header field") }
    return name
  }
}
