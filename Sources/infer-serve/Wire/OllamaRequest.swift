import HybridBlocks
import InferCore
import InferKit
import InferText

/// The body of Ollama's `POST /api/chat` or `POST /api/generate`.
struct OllamaRequest {
  /// The text that is gone on with.
  enum Prompt: Equatable {
    /// None: all that is asked for is that the model be loaded.
    case nothing
    /// The conversation of ``chat``.
    case conversation
    /// A text as it is.
    case text(String)
    /// A text with a gap, which is filled.
    case gap(prefix: String, suffix: String)
  }

  var prompt: Prompt
  /// The conversation, if that is the prompt, and all that does not concern the prompt.
  var chat: ChatRequest
  /// The first tokens that a text keeps when it is shortened, beside the one that marks its beginning; `nil` for all.
  var keptTokens: Int?
  /// How long the model is to stay; `nil` for the server's time.
  var stayTime: StayTime?

  /// Decodes the body of `POST /api/chat`; `defaults` fill what it leaves out.
  init(chat body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = try RequestFields.ollamaChat.resolve(body)
    let isEmpty = try reader.array("messages")?.isEmpty ?? true
    prompt = isEmpty ? .nothing : .conversation
    chat = try Self.chat(
      reader, messages: isEmpty ? .array([]) : ChatMessages.decode(reader), tools: ChatTools(reader), defaults)
    stayTime = try StayTime(reader)
    // As Ollama's templates have it, which leave the turn of the assistant open.
    let last = chat.messages.array?.last
    chat.continuesLastMessage = last?["role"] == "assistant" && ChatMessages.canContinue(last)
  }

  /// Decodes the body of `POST /api/generate`; `defaults` fill what it leaves out.
  init(generate body: FieldReader, defaults: GenerationDefaults) throws(APIError) {
    let reader = try RequestFields.ollamaGenerate.resolve(body)
    let (text, suffix) = (try reader.string("prompt") ?? "", try reader.string("suffix") ?? "")
    let system = try reader.string("system") ?? ""
    let isRaw = try reader.bool("raw") ?? false
    if isRaw, !suffix.isEmpty { throw reader.wrongValue("suffix", "cannot stand beside raw") }
    if isRaw || !suffix.isEmpty, !system.isEmpty {
      throw reader.wrongValue("system", "needs the chat template, which a prompt with raw or a suffix goes without")
    }
    var messages: [JSONValue] = []
    if !suffix.isEmpty {
      prompt = .gap(prefix: text, suffix: suffix)
    } else if text.isEmpty {
      prompt = .nothing
    } else if isRaw {
      prompt = .text(text)
    } else {
      prompt = .conversation
      if !system.isEmpty { messages.append(Message(.system, system).json) }
      messages.append(Message(.user, text).json)
    }
    chat = try Self.chat(reader, messages: .array(messages), tools: ChatTools(), defaults)
    chat.promptField = "prompt"
    stayTime = try StayTime(reader)
    let kept = try reader.integer("n_keep") ?? 0
    keptTokens = kept == -1 ? nil : kept
  }

  /// Decodes what both have. Where Ollama's clients do not say otherwise, a prompt that is too long is shortened.
  private static func chat(
    _ reader: FieldReader, messages: JSONValue, tools: ChatTools, _ defaults: GenerationDefaults
  ) throws(APIError) -> ChatRequest {
    let fields = SamplingFields(reader: reader, defaults: defaults)
    let isStreamed = try reader.bool("stream") ?? true
    var request = ChatRequest(
      messages: messages, tools: tools, sampling: try fields.sampling(logprobs: ChatRequest.logprobs(reader)),
      stop: try fields.stop(maxTokens: Self.maxTokens(reader, fields)),
      streaming: isStreamed ? StreamingOptions() : nil, scheduling: try SchedulingFields(reader),
      templateVariables: try ReasoningFields(reader).variables)
    request.constraint = try ConstraintField(reader)
    request.templateVariables.merge(try ChatRequest.givenVariables(reader))
    let isTruncated = try reader.bool("truncate") ?? true
    request.overflow = try Overflow(reader) ?? (isTruncated ? .shift : .error)
    request.contextLimit = try reader.integer("num_ctx")
    request.session = try SessionFields.session(reader, in: request.scheduling.cacheScope)
    request.skipsSpecialTokens = try reader.bool("skip_special_tokens") ?? true
    return request
  }

  /// The tokens that may be generated: with 0, -1 and -2, which all say so to Ollama, as many as there is room for.
  private static func maxTokens(_ reader: FieldReader, _ fields: SamplingFields) throws(APIError) -> Int? {
    if let count = reader["max_tokens"]?.int, reader.bounds(of: "max_tokens").contains(count), count <= 0 {
      return .max
    }
    return try fields.maxTokens("max_tokens")
  }
}
