import Foundation
import HybridBlocks
import InferCore
import InferKit
import InferText

/// A model that is loaded and the engine that runs it.
struct ServedModel: Sendable {
  let model: LoadedModel
  /// The model's name in responses.
  private(set) var name: String
  /// The adapter that is added to it; `nil` for none.
  private(set) var adapter: String?
  let text: ChatText
  let engine: Engine
  /// The treatment of prompts that do not fit the context, unless a request has its own.
  let overflow: Overflow
  /// The form of embeddings, unless a request has its own.
  let embedding: EmbeddingDefaults
  /// The scorer of documents; `nil` where they are ranked by the cosines of their embeddings.
  let scorer: RelevanceScorer?
  /// No text with more bytes fits the context.
  let longestText: Int
  /// The hold of a request on the model.
  private var use: HostedModel.Use?

  init(
    model: LoadedModel, name: String, text: ChatText, engine: Engine, overflow: Overflow = .error,
    pooling: Pooling? = nil, scorer: RelevanceScorer? = nil
  ) {
    self.model = model
    self.name = name
    self.text = text
    self.engine = engine
    self.overflow = overflow
    self.scorer = scorer
    embedding = pooling.map(model.embedding.with) ?? model.embedding
    let tokenizer = text.tokenizer
    let longestToken = (0..<Int32(tokenizer.vocabularySize)).reduce(1) { max($0, tokenizer.bytes(for: $1).count) }
    // Normalisation may make a text shorter before it is cut into tokens, by a factor of 3 at most.
    longestText = engine.limits.contextLength * longestToken * 3
  }

  /// This model in a request's use, which ends with the result's last copy.
  func used(by use: HostedModel.Use) -> ServedModel {
    var used = self
    used.use = use
    return used
  }

  /// This model with an adapter.
  func with(_ adapter: ServedAdapter?) -> ServedModel {
    guard let adapter else { return self }
    var adapted = self
    (adapted.name, adapted.adapter) = (adapter.name, adapter.adapter)
    return adapted
  }

  /// The part of a scope in which the model's requests have their state.
  func scope(_ scope: CacheScope) -> CacheScope { engine.scope(scope, ofAdapter: adapter) }

  /// Has the model stay in memory for a time after its last request, or for its own with `nil`. Returns whether the rights
  /// are there.
  @discardableResult func stay(_ time: StayTime?, _ grant: Grant) -> Bool {
    guard grant.mayChangeServer else { return false }
    return use?.model.stay(time) ?? false
  }

  /// The bytes of memory that weights and state may take.
  var bytes: Int { model.summary.weightBytes + engine.limits.stateMemoryBytes }

  var tokenizer: Tokenizer { text.tokenizer }
  /// The marks of reasoning and calls of tools in answers.
  var format: OutputFormat { text.format }

  /// The maximum number of tokens of a prompt and its answer, for a request that may have a limit of its own.
  func contextLength(_ limit: Int?) -> Int { min(limit ?? .max, engine.limits.contextLength) }

  /// The tokens of a text. One that is far too long is refused before it costs the time to tokenise it.
  func encode(
    _ text: String, field: String, addingSpecialTokens: Bool, parsingSpecialTokens: Bool = true,
    overflow: Overflow = .error
  ) throws(APIError) -> [Int32] {
    try check(text, field, overflow)
    do {
      return try tokenizer.encode(
        text, parsingSpecialTokens: parsingSpecialTokens, addingSpecialTokens: addingSpecialTokens)
    } catch { throw Self.untokenised(field, error) }
  }

  /// The tokens of a chat prompt, which is refused like a text when it is far too long.
  func encode(
    _ prompt: ChatPrompt, field: String, overflow: Overflow = .error
  ) throws(APIError) -> ChatTokens {
    try check(prompt.text, field, overflow)
    do { return try text.tokens(of: prompt) } catch {
      throw Self.untokenised(field, error)
    }
  }

  private static func untokenised(_ field: String, _ error: TokenizerError) -> APIError {
    .invalid(field, "The text cannot be tokenised: \(error)", code: "tokenization_failed")
  }

  /// The maximum number of bytes of a text that is tokenised: what may become shorter may be longer than the context.
  func longestText(_ overflow: Overflow) -> Int { overflow == .shift ? max(longestText, 64 << 20) : longestText }

  private func check(_ text: String, _ field: String, _ overflow: Overflow) throws(APIError) {
    let bytes = text.utf8.count
    guard bytes <= longestText(overflow) else { throw tooLong(bytes: bytes, field) }
  }

  /// The refusal of a text that fits the context by no means.
  func tooLong(bytes: Int, _ field: String) -> APIError {
    // It has no fewer tokens than this.
    let tokens = max(engine.limits.contextLength + 1, bytes / (longestText / engine.limits.contextLength))
    return .contextExceeded(length: engine.limits.contextLength, tokens: tokens, field: field)
  }

  /// Refuses tools whose calls would not be found.
  func checkTools(_ template: ChatTemplate, field: String) throws(APIError) {
    guard format.toolCalls == nil else { return }
    guard template.mentions("tools") else {
      throw .unsupported(
        field, "The model does not support \(field): its chat template takes no tools.")
    }
    throw .unsupported(
      field,
      "The model does not support \(field): its chat template does not show how calls of tools are written; the server "
        + "can be told by --tool-call-parser.")
  }

  /// Why a model whose calls are looked for may make none: some templates show how calls are written, and leave it to
  /// the messages or to variables of their own to tell of the tools.
  var toolWarning: String? {
    guard let template = model.chatTemplate, !template.mentions("tools"),
      let format = format.toolCalls, format != .none
    else { return nil }
    return "The chat template does not read 'tools': requests with tools have to tell the model of them in their "
      + "messages, or in chat_template_kwargs if the template has a name of its own for them."
  }

  /// Refuses more choices than there is room for when nothing else runs or waits.
  func check(choices: Int) throws(APIError) {
    guard choices <= engine.limits.maxUnfinished else {
      throw .invalid(
        "n",
        "The request asks for \(choices) choices over all prompts, but at most \(engine.limits.maxUnfinished) "
          + "can run and wait.", code: "too_many_choices")
    }
  }
}
