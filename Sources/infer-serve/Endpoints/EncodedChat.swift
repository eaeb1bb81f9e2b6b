import HybridBlocks
import InferCore
import InferText

/// A conversation as the model reads it.
struct EncodedChat {
  /// The text, without what a demanded call adds to it.
  var prompt: ChatPrompt
  /// The beginning of the answer, where the request demands a call.
  var opening: String
  /// The tokens of both.
  var tokens: ChatTokens
  /// The messages that were left out, if any.
  var shift: ContextShift?

  /// Renders and tokenises the conversation of a request, without its oldest turns where all do not fit.
  init(_ request: ChatRequest, _ template: ChatTemplate, _ served: ServedModel) throws(APIError) {
    let overflow = request.overflow ?? served.overflow
    let whole = try EncodedChat(request, template, served, overflow)
    let context = served.engine.limits.contextLength
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
      return try EncodedChat(shorter, template, served, overflow)
    }
    let least = try without(turns.count)
    guard least.count < context else { throw .contextExceeded(length: context, tokens: least.count, field: "messages") }
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
    prompt = try ChatCompletions.render(template, request, served, byteLimit: served.longestText(overflow))
    opening = try ChatCompletions.opening(request, prompt.text, served)
    tokens = try served.encode(prompt.appending(opening), field: "messages", overflow: overflow)
  }

  private var count: Int { tokens.ids.count }
}
