import Foundation
import InferCore
import InferText

/// A request's line in the ``RequestLog``.
struct RequestLogEntry: Sendable {
  /// A request's body as the client wrote it.
  struct Body: Sendable {
    var bytes: [UInt8]
    /// Whether it is a JSON document.
    var isJSON: Bool
    /// Its place among all bodies that are held.
    var share: BodyBudget.Share?
  }

  /// When the request came, by the wall clock.
  var time: Date
  var id: String
  /// Method and path, the latter as a pattern.
  var endpoint: String
  var status: Int
  var client: String
  var key: String?
  var model: String?
  var route: String?
  /// `nil` for a request whose body was not read.
  var body: Body?
  /// `nil` for a request that nothing was generated for.
  var generation: RequestRecord.Generation?
  /// Why the request was refused.
  var refusal: APIError?
  /// From the request's head to the end of its answer.
  var elapsed: Duration
  /// The request's API key, which nobody is to read in the log.
  var secret: String?

  /// The bytes that it holds, about.
  var size: Int { 1024 + (body?.bytes.count ?? 0) + (generation?.transcripts.reduce(0) { $0 + $1.size } ?? 0) }

  /// The line, with its line break.
  var line: [UInt8] {
    var members: JSONObject = [
      "time": .string(time.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))), "id": .string(id),
      "endpoint": .string(endpoint), "status": .integer(status), "client": .string(client),
    ]
    members["key"] = key.map(JSONValue.string)
    members["model"] = model.map(JSONValue.string)
    members["model_route"] = route.map(JSONValue.string)
    if let generation { members.merge(Self.members(of: generation)) }
    members["error"] = (refusal ?? generation?.failure).flatMap { $0.json["error"] }
    members["times"] = times
    var bytes = Array(JSONValue.object(members).serialized().utf8)
    if let body {
      bytes.removeLast()
      bytes += Array((body.isJSON ? #","request":"# : #","request_text":"#).utf8) + Self.text(of: body) + [0x7D]
    }
    if let secret, !secret.isEmpty { bytes = bytes.replacing(Array(secret.utf8), with: Array("[API key]".utf8)) }
    return bytes + [0x0A]
  }

  private static func members(of generation: RequestRecord.Generation) -> JSONObject {
    var members: JSONObject = [:]
    if !generation.transcripts.isEmpty { members["answers"] = .array(generation.transcripts.map(\.json)) }
    members["usage"] = [
      "prompt_tokens": .integer(generation.promptTokens), "cached_tokens": .integer(generation.cachedTokens),
      "generated_tokens": .integer(generation.generatedTokens),
      "reasoning_tokens": .integer(generation.reasoningTokens),
    ]
    return members
  }

  private var times: JSONValue {
    var times: JSONObject = ["total_ms": Self.milliseconds(elapsed)]
    for (name, time) in generation?.times ?? [] { times[name] = Self.milliseconds(time) }
    return .object(times)
  }

  private static func milliseconds(_ time: Duration) -> JSONValue {
    .number((time / .milliseconds(1) * 1000).rounded() / 1000)
  }

  /// A body within a line. What is JSON has line breaks between its values only.
  private static func text(of body: Body) -> [UInt8] {
    guard body.isJSON else {
      return Array(JSONValue.string(String(decoding: body.bytes, as: UTF8.self)).serialized().utf8)
    }
    let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    let bytes = body.bytes.starts(with: mark) ? body.bytes.dropFirst(mark.count) : body.bytes[...]
    return bytes.map { $0 == 0x0A || $0 == 0x0D ? 0x20 : $0 }
  }
}
