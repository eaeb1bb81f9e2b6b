import Foundation
import Hummingbird
import HybridBlocks
import InferCore
import InferText

/// The models, for Ollama's clients: `GET /api/tags`, `/api/ps` and `/api/version`, and `POST /api/show`.
struct OllamaModels: Sendable {
  let service: GenerationService

  /// The version of Ollama whose API is spoken: clients look for what it can do.
  private static let version = "0.12.11"

  func version(_ request: Request, _ context: ServeContext) -> Response { .json(["version": .string(Self.version)]) }

  /// The models that can be used: the one that is served, by each of its names.
  func tags(_ request: Request, _ context: ServeContext) throws -> Response {
    let served = try service.state.model()
    let names = context.grant.visible(service.state.modelNames)
    return .json(["models": .array(names.map { .object(Self.members($0, served)) })])
  }

  /// The models that are loaded.
  func running(_ request: Request, _ context: ServeContext) throws -> Response {
    let served = try service.state.model()
    guard context.grant.allows(service.state.modelNames) else { return .json(["models": []]) }
    var members = Self.members(service.state.modelNames[0], served)
    // Ollama's time for a model that stays: the longest that it can count.
    members["expires_at"] = .string(Self.time(served.created + Int(Int64.max / 1_000_000_000)))
    members["size_vram"] = 0
    members["context_length"] = .integer(served.engine.limits.contextLength)
    return .json(["models": [.object(members)]])
  }

  /// A model in detail.
  func show(_ request: Request, _ context: ServeContext) async throws -> Response {
    let state = service.state
    return try await service.read(request, context) { reader, served throws(APIError) in
      // The older name of `model`, which has been looked at.
      let name = try reader.string("name")
      guard try reader.string("model") ?? name != nil else { throw reader.missing("model") }
      if let name { try state.check(modelName: name) }
      return [
        "modelfile": .string("# This model is served by \(Software.name), from files and not from a Modelfile."),
        "parameters": .string(Self.parameters(served.model.generation)),
        "template": .string(served.model.chatTemplate?.source ?? ""), "details": Self.details(served),
        "model_info": Self.information(served), "capabilities": .array(Self.capabilities(served)),
        "modified_at": .string(Self.time(served.created)),
      ]
    }
  }

  /// The refusal of what would change the models.
  func refuse(_ request: Request, _ context: ServeContext) throws -> Response {
    throw APIError.invalid(
      nil,
      "\(request.uri.path) is not supported: the server serves the model that it was started with "
        + "('\(service.state.modelNames[0])').", code: "unsupported_operation")
  }

  // MARK: Members

  private static func time(_ seconds: Int) -> String { OllamaTime.text(Date(timeIntervalSince1970: Double(seconds))) }

  private static func members(_ name: String, _ served: ServedModel) -> JSONObject {
    let name = JSONValue.string(ServerState.tagged(name))
    return [
      "name": name, "model": name, "modified_at": .string(time(served.created)),
      "size": .integer(served.model.summary.weightBytes), "digest": .string(digest(served)), "details": details(served),
    ]
  }

  /// The fingerprint of the model, as hexadecimal digits.
  private static func digest(_ served: ServedModel) -> String {
    let bytes = served.model.model.fingerprint?.bytes ?? []
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  private static func details(_ served: ServedModel) -> JSONValue {
    let summary = served.model.summary
    let mostly = summary.formats.max { $0.parameterCount < $1.parameterCount }
    return [
      "parent_model": "", "format": .string(summary.fileFormat), "family": .string(summary.family),
      "families": [.string(summary.family)],
      "parameter_size": .string(Quantity.count(summary.parameterCount).replacing(" ", with: "")),
      "quantization_level": .string(mostly?.name.uppercased() ?? ""),
    ]
  }

  /// Metadata by the names that GGUF files have for them.
  private static func information(_ served: ServedModel) -> JSONValue {
    let (summary, model) = (served.model.summary, served.model.model)
    let family = summary.family
    return [
      "general.architecture": .string(family), "general.basename": .string(served.model.name),
      "general.parameter_count": .integer(summary.parameterCount),
      "\(family).context_length": .integer(served.engine.limits.contextLength),
      "\(family).vocab_size": .integer(model.vocabularySize),
    ]
  }

  /// The makers' recommendations, one a line.
  private static func parameters(_ defaults: GenerationDefaults) -> String {
    let values: [(name: String, value: (any CustomStringConvertible)?)] = [
      ("temperature", defaults.temperature), ("top_k", defaults.topK), ("top_p", defaults.topP),
      ("min_p", defaults.minP), ("repeat_penalty", defaults.repetitionPenalty), ("num_predict", defaults.maxTokens),
    ]
    return values.compactMap { name, value in
      value.map { name + String(repeating: " ", count: 31 - name.count) + "\($0)" }
    }.joined(separator: "\n")
  }

  private static func capabilities(_ served: ServedModel) -> [JSONValue] {
    var capabilities: [JSONValue] = served.model.hasHead ? ["completion"] : []
    if served.model.embedding.type != nil, served.embedding.pooling != nil { capabilities.append("embedding") }
    guard served.model.hasHead else { return capabilities }
    guard let template = served.model.chatTemplate else { return capabilities + insertion(served) }
    if template.mentions("tools"), served.format.takesCalls {
      capabilities.append("tools")
    }
    let switches = ["enable_thinking", "thinking", "reasoning_effort"].contains { template.mentions($0) }
    if served.format.reasoning != .none, switches || template.source.contains("<think") {
      capabilities.append("thinking")
    }
    return capabilities + insertion(served)
  }

  private static func insertion(_ served: ServedModel) -> [JSONValue] {
    served.tokenizer.fillInMiddle.canFill ? ["insert"] : []
  }
}
