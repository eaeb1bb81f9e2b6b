import Hummingbird
import HybridBlocks
import InferCore
import InferMetrics
import InferText

/// `GET /props` and `GET /slots`: the server's settings and what it does, in llama-server's form.
struct Properties: Sendable {
  let state: ServerState

  /// The settings that requests have by default, and the model.
  func tell(_ request: Request, _ context: ServeContext) async throws -> Response {
    let served = try await state.model(named: request.modelName, for: context.grant)
    func name(_ token: String?) -> JSONValue { .string(token ?? "") }
    return .json([
      "default_generation_settings": [
        "n_ctx": .integer(served.engine.limits.contextLength), "params": Self.parameters(served.model.generation),
      ],
      "total_slots": .integer(served.engine.limits.maxRunning), "model_alias": .string(served.name),
      // The place of the model's files is nobody's business.
      "model_path": .string(served.model.name), "chat_template": .string(served.model.chatTemplate?.source ?? ""),
      "bos_token": name(served.tokenizer.bosToken), "eos_token": name(served.tokenizer.eosToken),
      "modalities": ["vision": false, "audio": false], "build_info": .string(ResponseHead.systemFingerprint),
      "is_sleeping": false,
    ])
  }

  /// As many slots as sequences may run at the same time, those that do first; 503 where none is free and the query
  /// `fail_on_no_slot` asks for that.
  func slots(_ request: Request, _ context: ServeContext) throws -> Response {
    let served = try state.loadedModel(named: request.modelName, for: context.grant)
    let (count, running) = (served.engine.limits.maxRunning, Int(served.engine.metrics.requestsRunning.value))
    if running >= count, let asked = request.uri.queryParameters["fail_on_no_slot"], asked != "0" {
      throw APIError.unavailable("No slot is available.", code: "no_slot_available", retryAfter: 1)
    }
    let parameters = Self.parameters(served.model.generation)
    let slots = (0..<count).map { index -> JSONValue in
      [
        "id": .integer(index), "n_ctx": .integer(served.engine.limits.contextLength), "speculative": false,
        "is_processing": .bool(index < running), "params": parameters,
      ]
    }
    return .json(.array(slots))
  }

  /// The settings of a request that names none.
  private static func parameters(_ defaults: GenerationDefaults) -> JSONValue {
    let length = JSONValue.integer(defaults.maxTokens ?? -1)
    func number(_ value: Float?, or other: Double) -> JSONValue { .number(value.map { Double($0) } ?? other) }
    return [
      "n_predict": length, "max_tokens": length, "seed": -1, "temperature": number(defaults.temperature, or: 1),
      "top_k": .integer(defaults.topK ?? 0), "top_p": number(defaults.topP, or: 1),
      "min_p": number(defaults.minP, or: 0), "typical_p": 1.0,
      "repeat_penalty": number(defaults.repetitionPenalty, or: 1), "repeat_last_n": -1, "presence_penalty": 0.0,
      "frequency_penalty": 0.0, "mirostat": 0, "stop": [], "n_keep": 0, "ignore_eos": false, "stream": false,
      "n_probs": 0, "grammar": "",
    ]
  }
}
