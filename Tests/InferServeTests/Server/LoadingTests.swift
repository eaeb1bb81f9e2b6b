import Dispatch
import Foundation
import HummingbirdCore
import InferCore
import InferText
import Logging
import ServiceLifecycle
import Testing

@testable import infer_serve

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// The server while its model is being loaded, over a real connection.
struct LoadingTests {
  /// A server whose loading goes on until the gate opens and then fails.
  private struct LoadingServer {
    let gate = DispatchSemaphore(value: 0)
    let lifecycle: ServeLifecycle
    let running: Task<Void, any Error>
    let url: URL

    init() async throws {
      let gate = gate
      let models = try ModelRegistry(
        [
          HostedModel.Definition(names: ["tiny"]) { _, _ in
            gate.wait()
            throw CommandFailure("nothing to load")
          }
        ], logger: HTTPServer.quietLogger)
      let state = ServerState(models)
      let lifecycle = ServeLifecycle(state: state, drainLimit: .seconds(1), logger: HTTPServer.quietLogger) { _ in }
      let service = GenerationService(
        state: state, metrics: ServerMetrics(),
        limits: GenerationService.Limits(bodyBytes: 1024, requestTime: .seconds(60)),
        bodies: BodyBudget(limit: 1 << 20), workers: RequestWorkers(processors: 2),
        responses: ResponseStore(limit: 1 << 20), logger: HTTPServer.quietLogger)
      let rules = ConnectionRules(
        idleTimeout: .seconds(60), hosts: HostRule(names: [], isLoopback: true),
        connections: Connections(limits: ConnectionLimits(descriptors: 256)),
        log: RateLimitedLog(HTTPServer.quietLogger))
      let configuration = HTTPServer.Configuration(address: .network(host: "127.0.0.1", port: 0), rules: rules)
      let (ports, port) = AsyncStream<Int>.makeStream()
      let application = HTTPServer.application(
        configuration, router: Routes.router(service, origins: OriginRule(names: [], isLoopback: true))
      ) {
        if case .network(_, let bound) = $0 { port.yield(bound) }
        lifecycle.listening($0)
      }
      self.lifecycle = lifecycle
      running = Task { try await Serve.run([ListeningService(application, configuration)], lifecycle) }
      let bound = try #require(await ports.first { _ in true })
      url = try #require(URL(string: "http://127.0.0.1:\(bound)"))
    }

    func get(_ path: String, body: String? = nil) async throws -> (status: Int, retryAfter: String?, json: JSONValue?) {
      var request = URLRequest(url: url.appending(path: path))
      if let body {
        request.httpMethod = "POST"
        request.httpBody = Data(body.utf8)
      }
      let (data, response) = try await URLSession.shared.data(for: request)
      let http = try #require(response as? HTTPURLResponse)
      let json = try? JSONValue(parsing: Array(data))
      return (http.statusCode, http.value(forHTTPHeaderField: "Retry-After"), json)
    }
  }

  @Test func answersThatItIsLoadingAndEndsWithTheReasonWhenItFails() async throws {
    let server = try await LoadingServer()
    let health = try await server.get("health")
    #expect(health.status == 503 && health.json?["status"] == "loading" && health.retryAfter != nil)
    for (path, body) in [("v1/chat/completions", "{}"), ("v1/completions", "{}"), ("v1/models", nil)] {
      let answer = try await server.get(path, body: body)
      #expect(answer.status == 503 && answer.json?["error"]?["code"] == "loading" && answer.retryAfter != nil)
    }
    #expect(try await server.get("metrics").status == 200)
    server.gate.signal()
    await #expect(throws: CommandFailure.self) { try await server.running.value }
  }

  @Test func aSignalEndsItThoughNothingIsLoaded() async throws {
    let server = try await LoadingServer()
    server.lifecycle.signal()
    try await server.running.value
    server.gate.signal()
  }
}
