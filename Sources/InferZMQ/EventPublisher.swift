#if ZMQ
  internal import CZMQ
  internal import Foundation
  internal import InferCore

  /// A ZeroMQ socket that publishes numbered messages, and another that sends late ones again.
  ///
  /// A message has three parts: the topic, its number as eight bytes, the highest first, and its content. Whoever has
  /// missed some sends the number of the first to the other socket, in the frames of a `REQ` socket, and gets those
  /// that are kept still, each as number and content behind an empty part, and at the end the number -1 without
  /// content. What a subscriber does not take in time is dropped for that one.
  @safe package final class EventPublisher: @unchecked Sendable {
    // Safe because the sockets are used where they are made and then by the publisher's thread alone.
    private let context: UnsafeMutableRawPointer?
    private let events: UnsafeMutableRawPointer?
    private let replays: UnsafeMutableRawPointer?
    private let bell: Int32
    private let settings: Settings
    /// Where subscribers find the publisher; of a port that the system chose, the number.
    package let address: String
    /// Where they ask for what they have missed; `nil` for nowhere.
    package let replayAddress: String?

    private struct Life {
      var isEnding = false
      var isOver = false
    }
    private let life = Monitor(Life())

    // The thread's own.
    /// The last messages, that of number `n` at `n` modulo ``Settings/backlog``.
    private var kept: [[UInt8]] = []
    /// The number of the next message.
    private var next = 0

    /// The addresses, the topic and the limits of a publisher.
    package struct Settings: Sendable {
      package var address: String
      package var replayAddress: String?
      package var topic: String
      /// The number of messages that are kept for those who missed them.
      package var backlog: Int
      /// The number of messages that wait for a subscriber at most.
      package var highWaterMark: Int

      package init(address: String, replayAddress: String?, topic: String, backlog: Int, highWaterMark: Int) {
        (self.address, self.replayAddress, self.topic) = (address, replayAddress, topic)
        (self.backlog, self.highWaterMark) = (backlog, highWaterMark)
      }
    }

    /// An address that cannot be used.
    package struct Fault: Error {
      package let address: String
      package let reason: String
    }

    /// Opens the sockets: that for subscribers is bound to an address with a `*` for the machine or the port, or one of
    /// no network, and connected to another.
    package init(_ settings: Settings) throws(Fault) {
      unsafe context = zmq_ctx_new()
      bell = czmq_bell()
      self.settings = settings
      do throws(Fault) {
        (unsafe events, address) = try unsafe Self.open(
          context, ZMQ_PUB, settings.address, isBound: Self.isBound(settings.address), settings.highWaterMark)
      } catch {
        unsafe zmq_ctx_term(context)
        close(bell)
        throw error
      }
      guard let wanted = settings.replayAddress else {
        unsafe replays = nil
        replayAddress = nil
        return
      }
      do throws(Fault) {
        // A whole backlog, and what ends it, has room.
        let socket = try unsafe Self.open(context, ZMQ_ROUTER, wanted, isBound: true, settings.backlog + 1)
        (unsafe replays, replayAddress) = unsafe (socket.0, socket.1)
      } catch {
        unsafe zmq_close(events)
        unsafe zmq_ctx_term(context)
        close(bell)
        throw error
      }
    }

    /// `true` for an address that is the publisher's own, and not a subscriber's.
    private static func isBound(_ address: String) -> Bool {
      address.contains("*") || address.contains("::") || address.contains("//0.0.0.0:") || address.hasPrefix("ipc:")
    }

    private static func open(
      _ context: UnsafeMutableRawPointer?, _ type: Int32, _ address: String, isBound: Bool, _ highWaterMark: Int
    ) throws(Fault) -> (UnsafeMutableRawPointer?, String) {
      func fault() -> Fault { unsafe Fault(address: address, reason: String(cString: zmq_strerror(zmq_errno()))) }
      guard
        let socket = unsafe czmq_open(
          context, type, Int32(clamping: highWaterMark), address.contains("[") ? 1 : 0)
      else { throw fault() }
      guard unsafe (isBound ? zmq_bind(socket, address) : zmq_connect(socket, address)) == 0 else {
        defer { unsafe zmq_close(socket) }
        throw fault()
      }
      var text = [CChar](repeating: 0, count: 1024)
      let length = text.count
      guard unsafe czmq_address(socket, &text, length) == 0 else { return unsafe (socket, address) }
      return unsafe (socket, String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }

    /// Starts the publisher's thread, which takes the contents of messages from `content` whenever the bell was rung,
    /// until there are none.
    package func start(_ content: @escaping @Sendable () -> [UInt8]?) {
      let thread = Thread { [self] in run(content) }
      thread.name = "infer-events"
      thread.start()
    }

    /// Has the thread look for contents. Never waits.
    package func ring() { czmq_ring(bell) }

    /// Publishes what there is, and ends. Returns when that is done, or after two seconds.
    package func end() {
      life.withLock { $0.isEnding = true }
      ring()
      life.wait(until: .now + .seconds(2)) { $0.isOver }
    }

    private func run(_ content: () -> [UInt8]?) {
      while true {
        let hasRequest = unsafe czmq_wait(replays, bell) != 0
        let isEnding = life.withLock { $0.isEnding }
        while let content = content() { publish(content) }
        if isEnding { break }
        if hasRequest { answerRequest() }
      }
      unsafe zmq_close(events)
      if unsafe replays != nil { unsafe zmq_close(replays) }
      unsafe zmq_ctx_term(context)
      life.change { $0.isOver = true }
    }

    private func publish(_ content: [UInt8]) {
      let topic = Array(settings.topic.utf8)
      unsafe _ =
        send(events, topic, isLast: false) && send(events, Self.bytes(of: next), isLast: false)
        && send(events, content, isLast: true)
      if kept.count < settings.backlog { kept.append(content) } else { kept[next % settings.backlog] = content }
      next += 1
    }

    /// Sends one who missed some messages those that are kept still, unless that one is gone or has too many before it.
    private func answerRequest() {
      guard let (client, first) = unsafe request(replays) else { return }
      let oldest = next - kept.count
      for number in min(next, max(oldest, Int(clamping: first)))..<next {
        guard reply(client, Self.bytes(of: number), kept[number % settings.backlog]) else { return }
      }
      _ = reply(client, Self.bytes(of: -1), [])
    }

    /// A client that asks, and the number of the first message that it wants; `nil` for what is no such request.
    private func request(_ socket: UnsafeMutableRawPointer?) -> (client: [UInt8], first: UInt64)? {
      var parts: [[UInt8]] = []
      var isLast: Int32 = 0
      var count = 0
      while isLast == 0 {
        var part = [UInt8](repeating: 0, count: Int(CZMQ_MAX_REQUEST))
        let size = part.count
        let length = unsafe czmq_receive(socket, &part, size, &isLast)
        guard length >= 0 else { return nil }
        count += 1
        if parts.count < 3 { parts.append(Array(part.prefix(Int(length)))) }
      }
      guard count == 3, parts[1].isEmpty, 1...8 ~= parts[2].count else { return nil }
      return (parts[0], parts[2].reduce(0) { $0 << 8 | UInt64($1) })
    }

    private func reply(_ client: [UInt8], _ number: [UInt8], _ content: [UInt8]) -> Bool {
      unsafe send(replays, client, isLast: false) && send(replays, [], isLast: false)
        && send(replays, number, isLast: false) && send(replays, content, isLast: true)
    }

    private func send(_ socket: UnsafeMutableRawPointer?, _ bytes: [UInt8], isLast: Bool) -> Bool {
      unsafe czmq_send(socket, bytes, bytes.count, isLast ? 1 : 0) >= 0
    }

    /// Eight bytes of a number, the highest first.
    private static func bytes(of number: Int) -> [UInt8] {
      (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
    }
  }
#endif
