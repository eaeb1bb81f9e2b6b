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

  /// The models that can be used, by each of their names.
  func tags(_ request: Request, _ context: ServeContext) async throws -> Response {
    try service.state.check()
    let models = try await service.describingModels { [service] () throws(APIError) in
      service.state.models.models.flatMap { model in
        let files = model.definition.diskUse()
        return context.grant.visible(model.definition.names).map { name in
          JSONValue.object(Self.members(name, model, files, size: files?.bytes))
        }
      }
    }
    return .json(["models": .array(models)])
  }

  /// The models that are loaded.
  func running(_ request: Request, _ context: ServeContext) throws -> Response {
    try service.state.check()
    let models = service.state.models.models.compactMap { model -> JSONValue? in
      guard case .ready(let served) = model.state, context.grant.allows(model.definition.names) else { return nil }
      var members = Self.members(model.name, model, model.definition.diskUse(), size: model.memoryBytes)
      members["expires_at"] = .string(Self.time(Self.expiry(of: model)))
      members["size_vram"] = 0
      members["context_length"] = .integer(served.engine.limits.contextLength)
      return .object(members)
    }
    return .json(["models": .array(models)])
  }

  /// A model in detail.
  func show(_ request: Request, _ context: ServeContext) async throws -> Response {
    // The older name of `model` is `name`.
    let fields = ["model", "name"]
    return try await service.read(request, context, naming: fields) { [service] reader, served throws(APIError) in
      guard reader["model"] ?? reader["name"] != nil else { throw reader.missing("model") }
      return [
        "modelfile": .string("# This model is served by \(Software.name), from files and not from a Modelfile."),
        "parameters": .string(Self.parameters(served.model.generation)),
        "template": .string(served.model.chatTemplate?.source ?? ""), "details": Self.details(served),
        "model_info": Self.information(served), "capabilities": .array(Self.capabilities(served)),
        "modified_at": .string(Self.time(of: try service.state.models.model(named: served.name))),
      ]
    }
  }

  /// The refusal of what would change the models.
  func refuse(_ request: Request, _ context: ServeContext) throws -> Response {
    throw APIError.invalid(
      nil,
      "\(request.uri.path) is not supported: the server serves the models that it was started with "
        + "('\(service.state.models.names.joined(separator: "', '"))').", code: "unsupported_operation")
  }

  // MARK: Members

  private static func time(_ seconds: Int) -> String { OllamaTime.text(Date(timeIntervalSince1970: Double(seconds))) }

  /// When a model's files were written last; of one that has none, when the server came to know it.
  private static func time(of model: HostedModel, _ files: ModelDiskUse? = nil) -> String {
    (files ?? model.definition.diskUse()).map { OllamaTime.text($0.modified) } ?? time(model.created)
  }

  /// Of one that is not loaded, its name and what its files tell without being read.
  ///
  /// - Parameter size: Bytes on the disk of one that can be used, and in memory of one that is loaded.
  private static func members(_ name: String, _ model: HostedModel, _ files: ModelDiskUse?, size: Int?) -> JSONObject {
    let name = JSONValue.string(HostedModel.tagged(name))
    var members: JSONObject = ["name": name, "model": name, "modified_at": .string(time(of: model, files))]
    members["size"] = .integer(size ?? 0)
    if case .ready(let served) = model.state {
      members["digest"] = .string(digest(served))
      members["details"] = details(served)
    } else {
      members["digest"] = ""
      members["details"] = [
        "parent_model": "", "format": "", "family": "", "families": [], "parameter_size": "", "quantization_level": "",
      ]
    }
    return members
  }

  /// When a model is unloaded unless it is used: as far away as Ollama's clients can count where it stays.
  private static func expiry(of model: HostedModel) -> Int {
    guard let idleTime = model.idleTime else { return model.created + Int(Int64.max / 1_000_000_000) }
    return Int(Date().timeIntervalSince1970) + Int((model.lastUse + idleTime - .now).components.seconds)
  }

  /// The fingerprint of the model, as hexadecimal digits.
  private static func digest(_ served: ServedModel) -> String {
    (served.model.model.fingerprint?.bytes ?? []).hexadecimal
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
