import ArgumentParser
import AsyncHTTPClient
import Foundation
import InferText
import NIOCore
import NIOHTTP1

/// `infer-serve health`: whether a server answers, for scripts and containers.
struct HealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Asks a server whether it is ready.",
    discussion: """
      Ends with 0 when it is, and otherwise with 1 and a line that says why. Containers and scripts need no other program \
      to ask.
      """)

  @Argument(
    help: ArgumentHelp("The server: http://127.0.0.1:8080, https://…, or unix:PATH.", valueName: "address"))
  var address = "http://127.0.0.1:8080"

  @Option(parsing: .unconditional, help: ArgumentHelp("Time to wait until it is ready.", valueName: "seconds"))
  var wait = 0.0

  @Option(parsing: .unconditional, help: ArgumentHelp("Time for an answer at most.", valueName: "seconds"))
  var timeout = 5.0

  func validate() throws {
    try require(0...604_800, "wait", wait)
    try require(0.001...3600, "timeout", timeout)
  }

  func run() async throws {
    let server: ServerAddress
    do { server = try ServerAddress(address) } catch {
      throw ValidationError("expected an address such as http://127.0.0.1:8080 or unix:PATH, not '\(address)'")
    }
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.connectionPool.retryConnectionEstablishment = false
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    let result: Result<Void, any Error>
    do { result = .success(try await ask(server, http)) } catch { result = .failure(error) }
    try? await http.shutdown()
    try result.get()
    try emit("ready\n")
  }

  /// Asks until the server is ready, or the time for that is over.
  private func ask(_ server: ServerAddress, _ http: HTTPClient) async throws {
    let deadline = ContinuousClock.now + .seconds(wait)
    while true {
      do throws(CommandFailure) { return try await askOnce(server, http) } catch {
        guard ContinuousClock.now + .milliseconds(200) < deadline else { throw error }
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  private func askOnce(_ server: ServerAddress, _ http: HTTPClient) async throws(CommandFailure) {
    let response: HTTPClientResponse
    let body: [UInt8]
    do {
      var request = HTTPClientRequest(url: server.base + "/health")
      if server.isSocket { request.headers.add(name: "Host", value: "localhost") }
      response = try await http.execute(request, timeout: TimeAmount(.seconds(timeout)))
      body = Array(try await response.body.collect(upTo: 65_536).readableBytesView)
    } catch {
      throw CommandFailure(ReplayClient.describe(error, server.description, limit: .seconds(timeout)))
    }
    guard response.status != .ok else { return }
    let said = (try? JSONValue(parsing: body))?["status"]?.string ?? ErrorBody.summary(body)
    throw CommandFailure(
      "\(server) is not ready: \(response.status.code)\(said.isEmpty ? "" : " \(TerminalText.line(said))")")
  }
}
