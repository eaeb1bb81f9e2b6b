import AsyncHTTPClient
import Foundation
import InferText
import NIOCore
import NIOHTTP1
import NIOPosix

/// A request under way.
struct RunningRequest: Sendable {
  let outcome: EventLoopFuture<RequestOutcome>
  let cancel: @Sendable () -> Void
}

/// Talks to one server: many streamed answers at a time, and single questions.
struct ReplayClient: Sendable {
  let target: ReplayTarget
  /// The threads that read answers.
  let group: MultiThreadedEventLoopGroup
  /// How long an answer may take.
  let timeout: Duration
  private let http: HTTPClient

  /// Shut it down after use.
  init(_ target: ReplayTarget, timeout: Duration = .seconds(6 * 3600), threads: Int = 2) {
    self.target = target
    self.timeout = timeout
    group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
    var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = .seconds(10)
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
    configuration.connectionPool.retryConnectionEstablishment = false
    // Servers close connections that were idle for as little as five seconds.
    configuration.connectionPool.idleTimeout = .seconds(4)
    http = HTTPClient(eventLoopGroupProvider: .shared(group), configuration: configuration)
  }

  func shutdown() async {
    try? await http.shutdown()
    try? await group.shutdownGracefully()
  }

  /// Sends a completion, on a connection of its own: a server that just closes an idle one would fail the request.
  /// Times of the outcome count from `epoch`.
  func complete(_ body: ByteBuffer, epoch: NIODeadline) -> RunningRequest {
    let loop = group.next()
    var headers = target.headers
    headers.replaceOrAdd(name: "Connection", value: "close")
    do {
      let request = try HTTPClient.Request(
        url: target.url, method: .POST, headers: headers, body: .byteBuffer(body))
      let task = http.execute(
        request: request, delegate: AnswerDelegate(epoch: epoch, start: epoch.secondsUntilNow),
        eventLoop: .delegateAndChannel(on: loop), deadline: .now() + TimeAmount(timeout))
      return RunningRequest(outcome: task.futureResult, cancel: { task.cancel() })
    } catch {
      return RunningRequest(outcome: loop.makeFailedFuture(error), cancel: {})
    }
  }

  /// Asks for a path and returns what the server says to it.
  func ask(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> (status: Int, body: [UInt8])
  {
    var request = HTTPClientRequest(url: target.base + path)
    request.method = method
    request.headers = target.headers
    if let body { request.body = .bytes(ByteBuffer(string: body.serialized())) }
    let response = try await http.execute(request, timeout: .seconds(60))
    let bytes = try await response.body.collect(upTo: 64 << 20)
    return (Int(response.status.code), Array(bytes.readableBytesView))
  }

  /// The errors of connecting.
  private static let unreachable = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EMFILE, ENOENT]

  private static func words(_ error: IOError) -> String { unsafe String(cString: strerror(error.errnoCode)) }

  /// An error in words for people.
  func describe(_ error: any Error) -> String { Self.describe(error, target.base, limit: timeout) }

  /// An error in words for people.
  ///
  /// - Parameters:
  ///   - error: What a client threw.
  ///   - server: Where the server is.
  ///   - limit: The time that an answer had; `nil` for none.
  static func describe(_ error: any Error, _ server: String, limit: Duration?) -> String {
    switch error {
    case let error as NIOConnectionError:
      let cause =
        error.connectionErrors.first.map { ($0.error as? IOError).map(Self.words) ?? "\($0.error)" }
        ?? "no address for it"
      return "cannot connect to \(server): \(cause)"
    case let error as IOError where Self.unreachable.contains(error.errnoCode):
      return "cannot connect to \(server): \(Self.words(error))"
    case let error as IOError: return "the connection broke: \(Self.words(error))"
    case let error as HTTPClientError where error == .remoteConnectionClosed: return "the server closed the connection"
    case let error as HTTPClientError where error == .connectTimeout: return "cannot connect to \(server) in time"
    case let error as HTTPClientError where error == .deadlineExceeded || error == .readTimeout:
      return "no complete answer" + (limit.map { " within \(Quantity.decimal($0 / .seconds(1))) s" } ?? " in time")
    case HTTPParserError.invalidEOFState: return "the server closed the connection amid the answer"
    case let error as HTTPParserError: return "the answer is not HTTP: \(error)"
    default: return String(describing: error)
    }
  }
}
