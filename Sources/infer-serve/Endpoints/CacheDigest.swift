import Hummingbird
import InferCore
import InferText

/// `GET /cache/digest`: the beginnings of requests that a model has state for, by the hashes of ``PrefixChain``; with the
/// changes that follow, for those who prefer events.
struct CacheDigest: Sendable {
  let service: GenerationService

  static let framing = StreamFraming.namedEvents
  /// The time between two events, in which changes are gathered.
  private static let interval = Duration.milliseconds(100)

  func respond(_ request: Request, _ context: ServeContext) async throws -> Response {
    let served = try service.state.loadedModel(named: request.modelName, for: context.grant)
    let (engine, name) = (served.engine, served.name)
    guard MediaType.prefers("text/event-stream", to: "application/json", request.headers) else {
      guard let digest = await engine.prefixDigest() else { throw Self.ended(name) }
      return .json(Self.json(digest, of: name))
    }
    // The stream holds the engine alone, so that it keeps nobody from unloading the model.
    let body = ResponseBody { [service] writer in
      let follower = engine.followPrefixes()
      let deadline = Deadline(from: .now, limit: service.limits.requestTime)
      let supervisor = await AnswerSupervisor(channel: context.channel, until: deadline) { follower.end() }
      defer { supervisor.stop() }
      let keepAlive = KeepAlive(writer, Self.framing.keepAlive, every: service.limits.keepAlive)
      do {
        try await Self.write(engine, name, follower, keepAlive, to: &writer)
        await keepAlive.stop()
      } catch {
        await keepAlive.stop()
        throw error
      }
      try await writer.finish(nil)
    }
    return Response(status: .ok, headers: GenerationService.headers(of: Self.framing), body: body)
  }

  private static func ended(_ name: String) -> APIError {
    .unavailable("The model '\(name)' has just been unloaded.", code: "model_unloaded", retryAfter: 1)
  }

  @concurrent private static func write(
    _ engine: Engine, _ name: String, _ follower: PrefixFollowers.Follower, _ keepAlive: KeepAlive,
    to writer: inout any ResponseBodyWriter
  ) async throws {
    var told: PrefixDigest?
    for await _ in follower.notices {
      guard let digest = await engine.prefixDigest() else { return }
      let event = told.map { change(from: $0, to: digest) } ?? json(digest, of: name)
      if told?.sequence != digest.sequence { try await keepAlive.write(framing.bytes([event]), to: &writer) }
      told = digest
      try await Task.sleep(for: interval)
    }
  }

  /// A whole digest.
  private static func json(_ digest: PrefixDigest, of name: String) -> JSONValue {
    [
      "type": "digest", "format": .integer(PrefixChain.format), "block_bytes": .integer(PrefixChain.blockBytes),
      "model": .string(name), "instance": .string(hex(digest.instance)), "sequence": .integer(digest.sequence),
      "entries": .array(digest.landmarks.map(entry)),
    ]
  }

  /// The difference between a digest and a later one.
  private static func change(from old: PrefixDigest, to new: PrefixDigest) -> JSONValue {
    let before = Dictionary(uniqueKeysWithValues: old.landmarks.map { ($0.hash, $0.tokens) })
    let now = Set(new.landmarks.map(\.hash))
    return [
      "type": "change", "instance": .string(hex(new.instance)), "previous": .integer(old.sequence),
      "sequence": .integer(new.sequence),
      "added": .array(new.landmarks.filter { before[$0.hash] != $0.tokens }.map(entry)),
      "removed": .array(old.landmarks.filter { !now.contains($0.hash) }.map { .string(hex($0.hash)) }),
    ]
  }

  private static func entry(_ landmark: PromptLandmark) -> JSONValue {
    [.string(hex(landmark.hash)), .integer(landmark.tokens)]
  }

  /// Sixteen hexadecimal digits: numbers of JSON are not that exact everywhere.
  private static func hex(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.utf8.count) + digits
  }
}
