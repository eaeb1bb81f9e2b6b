import AsyncHTTPClient
import Foundation
import InferKit
import InferText
import NIOCore
import NIOHTTP1
import NIOPosix

/// A server with OpenAI's interface.
struct ServerBackend: ChatBackend {
  private(set) var modelName: String
  private let address: ServerAddress
  private let headers: HTTPHeaders
  private let http: HTTPClient

  /// The time for an answer's first words, and between two parts of it.
  private static let patience = TimeAmount.minutes(60)
  private static let bodyLimit = 1 << 20

  /// Connects, and finds out what the server serves.
  ///
  /// - Parameters:
  ///   - address: The server.
  ///   - model: The name to ask for; `nil` for the first that the server lists.
  ///   - apiKey: Sent as a bearer token.
  init(_ address: ServerAddress, model: String?, apiKey: String?) async throws {
    self.address = address
    var headers = HTTPHeaders([("Content-Type", "application/json"), ("User-Agent", Software.name)])
    // The client has no name to give for a socket.
    if address.isSocket { headers.add(name: "Host", value: "localhost") }
    if let apiKey { headers.add(name: "Authorization", value: "Bearer \(apiKey)") }
    self.headers = headers
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = .seconds(10)
    configuration.timeout.read = Self.patience
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.connectionPool.idleTimeout = .seconds(4)
    http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    modelName = model ?? ""
    do {
      let names = try await modelNames()
      guard let first = names.first else { throw CommandFailure("the server lists no model under /v1/models") }
      if let model { try Self.check(model, names) } else { modelName = first }
    } catch {
      await shutdown()
      throw error
    }
  }

  func answer(
    _ question: String, after conversation: Dialogue, _ settings: ChatSettings,
    _ take: (ChatPart) throws -> Void
  ) async throws -> ChatCost {
    var body: JSONObject = ["model": .string(modelName), "stream": true, "stream_options": ["include_usage": true]]
    let question: JSONValue = ["role": "user", "content": .string(question)]
    body["messages"] = .array(conversation.messages.map(\.json) + [question])
    body.merge(settings.members)
    return try await failing {
      let response = try await send(.POST, "/v1/chat/completions", .object(body))
      var events = EventStreamParser()
      var answer = ServerAnswer()
      for try await buffer in response.body {
        for event in try events.take(buffer.readableBytesView) {
          for part in try answer.take(event) { try take(part) }
        }
      }
      if let event = events.finish() { for part in try answer.take(event) { try take(part) } }
      guard answer.isComplete else { throw CommandFailure("the server closed the connection amid the answer") }
      return answer.cost
    }
  }

  func modelNames() async throws -> [String] {
    try await failing {
      let response = try await send(.GET, "/v1/models", nil)
      let bytes = Array(try await response.body.collect(upTo: Self.bodyLimit).readableBytesView)
      guard let models = (try? JSONValue(parsing: bytes))?["data"]?.array else {
        throw CommandFailure("\(address) answers /v1/models with no list of models")
      }
      return models.compactMap { $0["id"]?.string }
    }
  }

  mutating func use(_ name: String) async throws {
    try Self.check(name, try await modelNames())
    modelName = name
  }

  func shutdown() async { try? await http.shutdown() }

  private static func check(_ name: String, _ names: [String]) throws(CommandFailure) {
    guard !names.containsExactly(name) else { return }
    let hint = Spelling.hint(for: name, among: names)
    throw CommandFailure(
      "the server has no model \(name)\(hint.isEmpty ? "; it has \(names.joined(separator: ", "))" : hint)")
  }

  /// Sends a request and returns the response, unless that is a refusal.
  private func send(_ method: HTTPMethod, _ path: String, _ body: JSONValue?) async throws -> HTTPClientResponse {
    var request = HTTPClientRequest(url: address.base + path)
    request.method = method
    request.headers = headers
    if let body { request.body = .bytes(ByteBuffer(string: body.serialized())) }
    let response = try await http.execute(request, deadline: .distantFuture)
    guard response.status != .ok else { return response }
    let bytes = Array((try? await response.body.collect(upTo: Self.bodyLimit).readableBytesView) ?? ByteBufferView())
    let said = ErrorBody.summary(bytes)
    var text = "the server answered \(response.status.code)" + (said.isEmpty ? "" : ": \(said)")
    if response.status == .unauthorized { text += "; --api-key or INFER_SERVE_API_KEY gives a key" }
    throw CommandFailure(text)
  }

  /// Runs `body`, whose errors become words for people, but for that of a cancelled task.
  private func failing<Result>(_ body: () async throws -> Result) async throws -> Result {
    do { return try await body() } catch {
      if Task.isCancelled || error is CancellationError { throw CancellationError() }
      if let failure = error as? CommandFailure { throw failure }
      throw CommandFailure(ReplayClient.describe(error, address.description, limit: nil))
    }
  }
}

/// Where a server is: `http://127.0.0.1:8080`, `https://…`, or `unix:PATH`.
struct ServerAddress: CustomStringConvertible, Equatable {
  /// As people read it.
  let description: String
  /// The address that paths such as `/v1/models` follow.
  let base: String

  /// `true` for a Unix socket.
  var isSocket: Bool { base.hasExactPrefix("http+unix:") }

  /// - Throws: ``CommandFailure`` for what is no address.
  init(_ text: String) throws(CommandFailure) {
    if let path = text.removing(exactPrefix: "unix:") {
      guard !path.isEmpty, let name = path.addingPercentEncoding(withAllowedCharacters: .alphanumerics) else {
        throw CommandFailure("--server unix: needs the path of a socket, as in unix:/run/infer-serve.sock")
      }
      (description, base) = (text, "http+unix://\(name)")
      return
    }
    let target = try ReplayTarget(base: text, endpoint: "/v1/chat/completions", option: "server")
    (description, base) = (target.base, target.base)
  }
}

/// Reads the events of a streamed answer.
struct ServerAnswer {
  private(set) var cost = ChatCost()
  /// `true` when the answer's end was told.
  private(set) var isComplete = false

  /// Takes the data of an event and returns what it holds of the answer.
  mutating func take(_ data: [UInt8]) throws(CommandFailure) -> [ChatPart] {
    if data.elementsEqual("[DONE]".utf8) {
      isComplete = true
      return []
    }
    let event: JSONValue
    do { event = try JSONValue(parsing: data) } catch {
      throw CommandFailure("an event of the server is no JSON: \(error.reason)")
    }
    if let error = event["error"], !error.isNull {
      throw CommandFailure(ErrorBody.message(error) ?? error.serialized())
    }
    if let usage = event["usage"], usage.object != nil { take(usage: usage) }
    guard let choice = event["choices"]?[0] else { return [] }
    if let reason = choice["finish_reason"]?.string {
      isComplete = true
      cost.isCutOff = reason == "length"
    }
    let delta = choice["delta"]
    var parts: [ChatPart] = []
    if let text = (delta?["reasoning_content"] ?? delta?["reasoning"])?.string, !text.isEmpty {
      parts.append(.reasoning(text))
    }
    if let text = delta?["content"]?.string, !text.isEmpty { parts.append(.content(text)) }
    return parts
  }

  private mutating func take(usage: JSONValue) {
    cost.promptTokens = usage["prompt_tokens"]?.int ?? cost.promptTokens
    cost.answerTokens = usage["completion_tokens"]?.int ?? cost.answerTokens
    cost.cachedTokens = usage["prompt_tokens_details"]?["cached_tokens"]?.int ?? cost.cachedTokens
  }
}
