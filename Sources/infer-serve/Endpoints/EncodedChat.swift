import HybridBlocks
import InferCore
import InferText

/// A conversation as the model reads it.
struct EncodedChat {
  /// The text.
  var prompt: ChatPrompt
  /// The tokens of it.
  var tokens: ChatTokens
  /// The messages that were left out, if any.
  var shift: ContextShift?
  /// Numbers of first tokens after which state is kept because the request says so, ascending.
  private(set) var marks: [Int]

  /// The maximum number of marks of a request: those behind which it goes on count.
  private static let maximumMarks = 4

  /// Renders and tokenises the conversation of a request, without its oldest turns where all do not fit.
  init(_ request: ChatRequest, _ template: ChatTemplate, _ served: ServedModel) throws(APIError) {
    let overflow = request.overflow ?? served.overflow
    let whole = try EncodedChat(request, template, served, overflow)
    let context = served.contextLength(request.contextLimit)
    let fit = ContextFit(
      context: context, maxTokens: request.stop.maxTokens, usual: served.model.generation.maxTokens,
      minTokens: request.stop.minTokens)
    self = whole
    guard overflow == .shift, whole.count > fit.limit, let messages = request.messages.array else { return }
    let turns = ConversationTurns(messages)
    guard turns.count > 0 else { return }
    func without(_ count: Int) throws(APIError) -> EncodedChat {
      var shorter = request
      shorter.messages = .array(turns.messages(droppingFirst: count))
      // Marks count the messages that came.
      shorter.keptMessages = []
      return try EncodedChat(shorter, template, served, overflow)
    }
    let least = try without(turns.count)
    guard least.count < context else {
      throw .contextExceeded(length: context, tokens: least.count, field: request.promptField)
    }
    var (dropped, shortened) = (turns.count, least)
    if let length = fit.length(of: whole.count, least: least.count) {
      // The last that is short enough is the one without the fewest turns.
      dropped = try ContextFit.fewest(of: dropped, for: length) { count throws(APIError) in
        let tried = try without(count)
        if tried.count <= length { shortened = tried }
        return tried.count
      }
    }
    self = shortened
    shift = ContextShift(
      droppedMessages: messages.count - turns.messages(droppingFirst: dropped).count,
      droppedTokens: whole.count - self.count)
  }

  private init(
    _ request: ChatRequest, _ template: ChatTemplate, _ served: ServedModel, _ overflow: Overflow
  ) throws(APIError) {
    prompt = try Self.render(template, request, served, byteLimit: served.longestText(overflow))
    tokens = try served.encode(prompt, field: request.promptField, overflow: overflow)
    marks = Self.marks(request, prompt, tokens)
  }

  private static func marks(_ request: ChatRequest, _ prompt: ChatPrompt, _ tokens: ChatTokens) -> [Int] {
    guard !request.keptMessages.isEmpty, let messages = request.messages.array else { return [] }
    let contents = messages.map { $0["content"]?.string ?? "" }
    return prompt.ends(ofContents: contents, at: request.keptMessages.suffix(maximumMarks))
      .compactMap { tokens.end(behind: $0) }
  }

  /// Numbers of first tokens after which other prompts are likely to go on differently, ascending.
  var branches: [Int] { marks.isEmpty ? tokens.branches : Set(tokens.branches + marks).sorted() }

  private var count: Int { tokens.ids.count }
}

extension EncodedChat {
  /// All tokens of a request's conversation, whether they fit the context or not.
  static func count(_ request: ChatRequest, _ served: ServedModel) throws(APIError) -> Int {
    try EncodedChat(request, template(request, served), served, .error).count
  }

  /// The prompt of a chat request.
  static func prompt(_ request: ChatRequest, _ served: ServedModel) throws(APIError) -> ChatPrompt {
    try render(template(request, served), request, served, byteLimit: served.longestText)
  }

  /// The model's chat template, if it takes what the request has.
  static func template(_ request: ChatRequest, _ served: ServedModel) throws(APIError) -> ChatTemplate {
    guard let template = served.model.chatTemplate else {
      throw .invalid(
        request.promptField, "The model has no chat template; use /v1/completions.", code: "no_chat_template")
    }
    if request.tools.definitions != nil { try served.checkTools(template, field: request.tools.field) }
    if request.tools.demand != .none { try checkDemand(request, served) }
    if !served.format.takesCalls, let field = request.tools.textLanguageField {
      throw .unsupported(
        field, "\(field) cannot be held: the server has been told to look for no calls, whose text it is.")
    }
    if request.templateVariables["documents"] != nil, !template.mentions("documents") {
      throw .unsupported("documents", "The model's chat template takes no documents.")
    }
    return template
  }

  /// Refuses to demand a call where an answer cannot be one.
  private static func checkDemand(_ request: ChatRequest, _ served: ServedModel) throws(APIError) {
    guard request.addsGenerationPrompt, !request.continuesLastMessage else {
      throw .invalid(
        request.tools.choiceField,
        "\(request.tools.choiceField) demands a call, which needs the beginning of an answer: add_generation_prompt, "
          + "and no answer that is to be continued.", code: "invalid_value")
    }
    guard served.format.takesCalls else {
      throw .unsupported(
        request.tools.choiceField,
        "\(request.tools.choiceField) demands a call, and the server has been told to look for none.")
    }
  }

  /// The text of a conversation's prompt, of so many bytes at most.
  private static func render(
    _ template: ChatTemplate, _ request: ChatRequest, _ served: ServedModel, byteLimit: Int
  ) throws(APIError) -> ChatPrompt {
    let prompt: ChatPrompt
    do {
      prompt = try template.prompt(
        messages: request.messages, tools: request.tools.definitions,
        addGenerationPrompt: request.addsGenerationPrompt && !request.continuesLastMessage,
        variables: request.promptVariables, byteLimit: byteLimit)
    } catch {
      if case .tooLong(let limit) = error { throw served.tooLong(bytes: limit + 1, request.promptField) }
      let reason = if case .raised(let message) = error { message } else { "\(error)" }
      throw .invalid(
        request.promptField, "The chat template refuses the conversation: \(reason)", code: "template_error")
    }
    guard request.continuesLastMessage else { return prompt }
    let last = request.messages.array?.last?["content"]?.string ?? ""
    guard let cut = prompt.ending(withContent: last) else {
      throw .invalid(
        request.promptField,
        "The last message cannot be continued: the chat template does not write its content as it is.",
        code: "invalid_value")
    }
    return cut
  }
}
