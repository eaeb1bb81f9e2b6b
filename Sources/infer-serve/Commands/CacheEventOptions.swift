import ArgumentParser
import InferText
import Logging

#if ZMQ
  import InferZMQ
#endif

/// Where events of the prefix cache are published.
struct CacheEventOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Publish which blocks of tokens the prefix cache stores and removes, over ZeroMQ and in vLLM's form, for routers: at \
      'tcp://*:5557', where subscribers connect, or to 'tcp://host:5557', where one listens. They see the tokens of all \
      prompts and answers. Needs a build with the trait ZMQ.
      """, valueName: "address"))
  var kvEventsEndpoint: String?

  @Option(
    help: ArgumentHelp(
      "Where subscribers ask for events that they have missed, as 'tcp://*:5558'.", valueName: "address"))
  var kvEventsReplayEndpoint: String?

  @Option(
    help: ArgumentHelp(
      "What events begin with, for subscribers to choose by: llm-d's router wants 'kv@POD@MODEL' (default: nothing).",
      valueName: "text"))
  var kvEventsTopic: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Batches of events that are kept for those who missed them (default: \(defaultBufferSteps)).", valueName: "count")
  )
  var kvEventsBufferSteps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Batches that wait for a subscriber before those that follow are dropped for it (default: \(defaultHighWaterMark)).",
      valueName: "count"))
  var kvEventsHwm: Int?

  private static let defaultBufferSteps = 10_000
  private static let defaultHighWaterMark = 100_000

  func validate() throws {
    let others = [
      "replay-endpoint": kvEventsReplayEndpoint != nil, "topic": kvEventsTopic != nil,
      "buffer-steps": kvEventsBufferSteps != nil, "hwm": kvEventsHwm != nil,
    ]
    if kvEventsEndpoint == nil, let name = others.keys.sorted().first(where: { others[$0] == true }) {
      throw ValidationError("--kv-events-\(name) needs --kv-events-endpoint")
    }
    if let kvEventsEndpoint { try Self.check(kvEventsEndpoint, "kv-events-endpoint") }
    if let kvEventsReplayEndpoint { try Self.check(kvEventsReplayEndpoint, "kv-events-replay-endpoint") }
    if let kvEventsBufferSteps { try require(1...1_000_000, "kv-events-buffer-steps", kvEventsBufferSteps) }
    if let kvEventsHwm { try require(1...100_000_000, "kv-events-hwm", kvEventsHwm) }
    guard kvEventsEndpoint == nil || Self.isBuilt else {
      throw ValidationError(
        "--kv-events-endpoint needs ZeroMQ, which this infer-serve was built without; build it with "
          + "'swift build --traits Server,ZMQ'")
    }
  }

  private static var isBuilt: Bool {
    #if ZMQ
      true
    #else
      false
    #endif
  }

  private static func check(_ address: String, _ name: String) throws {
    let bytes = Array(address.utf8)
    let isPath = bytes.starts(with: "ipc://".utf8) && bytes.count > 6
    guard !bytes.contains(0), isPath || bytes.starts(with: "tcp://".utf8) && hasPort(bytes.dropFirst(6)) else {
      throw ValidationError("--\(name) is '\(address)'; expected tcp://*:PORT, tcp://HOST:PORT or ipc://PATH")
    }
  }

  /// `true` for a host and a number of a port, or a `*` for one that the system chooses.
  private static func hasPort(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > bytes.startIndex else { return false }
    let port = String(decoding: bytes[(colon + 1)...], as: UTF8.self)
    return port.isExactly("*") || UInt16(port) != nil
  }

  /// Begins to publish; `nil` where nobody asked for it.
  ///
  /// - Throws: ``CommandFailure`` for an address that cannot be used.
  func publish(_ logger: Logger) throws -> CacheEvents? {
    guard let kvEventsEndpoint else { return nil }
    #if ZMQ
      let publisher: EventPublisher
      do throws(EventPublisher.Fault) {
        publisher = try EventPublisher(
          EventPublisher.Settings(
            address: kvEventsEndpoint, replayAddress: kvEventsReplayEndpoint, topic: kvEventsTopic ?? "",
            backlog: kvEventsBufferSteps ?? Self.defaultBufferSteps,
            highWaterMark: kvEventsHwm ?? Self.defaultHighWaterMark))
      } catch {
        let name = error.address.utf8.elementsEqual(kvEventsEndpoint.utf8) ? "" : "replay-"
        throw CommandFailure("--kv-events-\(name)endpoint \(error.address): \(error.reason)")
      }
      let events = CacheEvents(ring: { publisher.ring() }, end: { publisher.end() })
      publisher.start { events.next() }
      publisher.ring()
      var metadata: Logger.Metadata = ["endpoint": "\(publisher.address)"]
      if let replay = publisher.replayAddress { metadata["replay_endpoint"] = "\(replay)" }
      logger.notice("cache events", metadata: metadata)
      return events
    #else
      return nil
    #endif
  }
}
