import InferMetrics
import InferText

/// Operations that tell of the model and the server.
extension Operation {
  private static let modelShape: JSONShape = .object([
    "id": .string, "object": .values(["model"]), "created": .integer, "owned_by": .string, "state": .string,
  ])
  static let models = telling(
    "listModels", "Lists the names of the models, and of adapters, which tell their model's as parent.", openAI,
    .object(["object": .values(["list"]), "data": .array(modelShape)]))
  static let model = telling(
    "getModel", "Tells of a model by one of its names.", openAI, modelShape, statuses: [404],
    parameters: [path("id", "The name, which may have slashes.")])

  static let loadModel = reading(
    "loadModel", "Loads a model into memory, and answers when it is there.", server, .namedModel, modelShape
  ).needing(.scope(.admin))
  static let unloadModel = reading(
    "unloadModel", "Unloads a model when the requests that it has are finished, and answers then.", server, .namedModel,
    modelShape
  ).needing(.scope(.admin))
  /// The query that names a model.
  private static let named = query("model", .string, "A model's name; the first model without.")

  static let tokenize = reading(
    "tokenize", "Tells the tokens of a text or a conversation.", vllm, .tokenize,
    .object([
      "count": count, "max_model_len": count, "tokens": .array(RequestFields.tokenID),
      "token_strs": .array(.string).orNull,
    ]), otherFields: .tokenizeChat)
  static let renderChat = reading(
    "renderChat", "Tells the tokens of a conversation, as routers ask for them.", vllm, .chat, rendered)
  static let renderCompletion = reading(
    "renderCompletion", "Tells the tokens of prompts, as routers ask for them.", vllm, .completions, .array(rendered))
  private static let rendered = JSONShape.object(["model": .string, "token_ids": .array(RequestFields.tokenID)])
  static let detokenize = reading(
    "detokenize", "Tells the text of tokens.", vllm, .detokenize,
    .object(["prompt": .string, "content": .string]))
  static let tokenizerInfo = telling(
    "getTokenizerInfo", "Tells of the tokenizer.", vllm,
    .object([
      "tokenizer_class": .string, "vocab_size": count, "model_max_length": count, "bos_token": .string.orNull,
      "eos_token": .string.orNull, "pad_token": .string.orNull, "chat_template": .string.orNull,
    ]), statuses: [404], parameters: [named])
  static let applyTemplate = reading(
    "applyTemplate", "Tells a conversation as the model reads it.", llama, .chat, .object(["prompt": .string]))
  static let properties = telling(
    "getProperties", "Tells the settings that requests have by default.", llama,
    .object([
      "default_generation_settings": .object(["n_ctx": count, "params": .object([])]), "total_slots": count,
      "model_alias": .string, "model_path": .string, "chat_template": .string, "build_info": .string,
    ]), statuses: [404], parameters: [named])
  static let slots = telling(
    "listSlots", "Tells what runs.", llama,
    .array(.object(["id": count, "n_ctx": count, "is_processing": .boolean, "params": .object([])])),
    statuses: [404, 409],
    parameters: [
      named, query("fail_on_no_slot", .string, "Anything but 0: status 503 where no slot is free."),
    ])
  static let actOnSlot = Operation(
    id: "actOnSlot", summary: "Saves, restores or forgets the session of a number.", group: llama,
    parameters: [
      path("id", "The number."),
      query("action", .choice(["save", "restore", "erase"]), "The action.", isRequired: true), salt,
    ], fields: .slot, isBodyOptional: true, answer: .json(.object(["id_slot": count])), statuses: storing)

  // MARK: Ollama

  private static let modelsShape: JSONShape = .object([
    "models": .array(
      .object([
        "name": .string, "model": .string, "modified_at": .string, "size": count, "digest": .string,
        "details": .object(["format": .string, "family": .string]),
      ]))
  ])
  static let ollamaTags = telling("ollamaTags", "Lists the names of the models.", ollama, modelsShape)
  static let ollamaRunning = telling("ollamaRunning", "Tells of the loaded models.", ollama, modelsShape)
  static let ollamaVersion = Operation(
    id: "ollamaVersion", summary: "Tells the version of Ollama's API.", group: ollama, answer: .json(versionShape),
    need: .none)
  static let ollamaShow = reading(
    "ollamaShow", "Tells of a model in detail.", ollama, .show,
    .object([
      "modelfile": .string, "parameters": .string, "template": .string, "details": .object([]),
      "model_info": .object([]), "capabilities": .array(.string), "modified_at": .string,
    ]))

  // MARK: Sessions

  private static let salt = query("cache_salt", .string, "As the field cache_salt.")
  private static let storing = [404, 409, 422, 507]
  private static let sessionID = path("id", "The session: \(SessionFields.rule).")
  static let sessions = telling(
    "listSessions", "Lists the sessions that are remembered or saved.", server,
    .object([
      "object": .values(["list"]),
      "data": .array(
        .object([
          "id": .string, "object": .values(["session"]), "tokens": count.orNull, "saved": .boolean,
          "bytes": count.orNull,
        ])),
    ]), statuses: [404], parameters: [named, salt])
  static let saveSession = session(
    "saveSession", "Saves a session's state in a file.",
    .object(["id": .string, "object": .values(["session"]), "saved_tokens": count, "bytes": count]))
  static let restoreSession = session(
    "restoreSession", "Restores a session's state from its file.",
    .object(["id": .string, "object": .values(["session"]), "restored_tokens": count, "bytes": count]))
  static let deleteSession = session(
    "deleteSession", "Forgets a session and removes its file.",
    .object(["id": .string, "object": .values(["session.deleted"]), "deleted": .values([true])]))

  private static func session(_ id: String, _ summary: String, _ shape: JSONShape) -> Operation {
    Operation(
      id: id, summary: summary, group: server, parameters: [sessionID, salt], fields: .session, isBodyOptional: true,
      answer: .json(shape), statuses: storing)
  }

  // MARK: The server

  private static let versionShape: JSONShape = .object(["version": .string])
  static let version = Operation(
    id: "getVersion", summary: "Tells the version.", group: server, answer: .json(versionShape), need: .none)
  static let greeting = Operation(
    id: "greet", summary: "Tells what this is; a page to chat for clients that prefer one.", group: server,
    answer: .json(
      .object([
        "name": .string, "version": .string, "model": .string, "status": .string, "endpoints": .array(.string),
      ])), need: .none, pageType: Documentation.pageType)
  static let dashboard = Operation(
    id: "getDashboard", summary: "A page that shows what the server does.", group: server,
    answer: .text(mediaType: Documentation.pageType), need: .none)
  static let stats = Operation(
    id: "getStats",
    summary: "Tells of the last hour, reading by reading; goes on, second by second, for clients that prefer events.",
    group: server, parameters: [named],
    answer: .json(
      .object([
        "type": .values(["history"]), "model": .string, "models": .array(.string), "columns": .array(.string),
        "rows": .array(.array(.number.orNull)),
        "experts": .array(.object(["layer": count, "rows": .array(count)])),
        "keys": .array(
          .object([
            "key": .string, "requests": count, "running": count, "prompt_tokens": count, "generated_tokens": count,
            "refused": count,
            "models": .array(
              .object(["model": .string, "running": count, "prompt_tokens": count, "generated_tokens": count])),
          ])),
      ])), framing: LiveStatistics.framing, need: .scope(.metrics), statuses: [404])
  static let health = ready("getHealth")
  static let ping = ready("ping")
  static let postPing = ready("postPing")
  private static func ready(_ id: String) -> Operation {
    Operation(
      id: id, summary: "Tells whether requests are taken.", group: server,
      answer: .json(.object(["status": .string, "model": .string])), unreadyShape: .object(["status": .string]),
      need: .none)
  }
  private static let cacheShape: JSONShape = .object([
    "queried_tokens": count, "hit_tokens": count, "hit_rate": .number, "missed_tokens": .map(count),
    "entries": .map(count), "bytes": .map(count), "memory": .map(count), "memory_limit": count,
    "evicted_entries": .map(count), "disk": .object([]).orNull,
  ])
  static let cache = telling(
    "getCache", "Tells of a model's prefix cache.", server, cacheShape, statuses: [404, 409], parameters: [named]
  ).needing(.scope(.cache))
  static let cacheDigest = Operation(
    id: "getCacheDigest",
    summary: "Tells which beginnings of requests a model has state for, by hashes that are computed from their JSON; "
      + "goes on with what changes for clients that prefer events.", group: server, parameters: [named],
    answer: .json(
      .object([
        "type": .values(["digest"]), "format": count, "block_bytes": count, "model": .string, "instance": .string,
        "sequence": count, "entries": .array(.array(.either([.string, count]), count: 2...2)),
      ])), framing: CacheDigest.framing, need: .scope(.cache), statuses: [404, 409, 503])
  static let resetCache = telling(
    "resetCache", "Gives up kept state that no request uses.", server, cacheShape, statuses: [404, 409],
    parameters: [named]
  ).needing(.scope(.cache))
  static let tellUsage = Operation(
    id: "getUsage",
    summary: "Tells the tokens that keys and models have used, a key without the scope admin of its own; a page for "
      + "clients that prefer one, without a query.", group: server,
    parameters: [
      query("by", .string, "What tells sums apart: hour, day, key and model, with commas."),
      query("from", .string, "The first moment, as 2027-01-31T00:00:00Z; hours count as a whole."),
      query("to", .string, "The moment behind the last."),
      query("format", .choice(["json", "csv"]), "The form of the answer."),
    ],
    answer: .json(
      .object([
        "object": .values(["list"]), "currency": .string,
        "data": .array(
          .object([
            "requests": count, "prompt_tokens": count, "cached_tokens": count, "generated_tokens": count,
            "reasoning_tokens": count, "seconds": .number, "cost": .number.orNull,
          ])),
      ])), need: .any, statuses: [503], pageType: Documentation.pageType)
  static let metrics = Operation(
    id: "getMetrics", summary: "Metrics in Prometheus' text form.", group: server,
    answer: .text(mediaType: PrometheusText.contentType), need: .scope(.metrics))
  static let document = Operation(
    id: "getDocument", summary: "This document.", group: server,
    answer: .json(.object(["openapi": .string, "info": .object([]), "paths": .object([])])), need: .none)
  static let page = Operation(
    id: "getPage", summary: "This document as a page.", group: server,
    answer: .text(mediaType: Documentation.pageType), need: .none)
}
