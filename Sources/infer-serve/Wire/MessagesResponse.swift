import InferCore
import InferText

/// The responses of Anthropic's `POST /v1/messages`: blocks of reasoning, text and calls, in the order in which they come.
struct MessagesResponse: ResponseBuilder {
  static let framing = StreamFraming.namedEvents

  /// A block of the answer as far as it has come.
  private struct Block {
    enum Kind: Equatable {
      case thinking
      case text
      /// A call, without its arguments.
      case call(ChatToolCall)
    }

    let kind: Kind
    /// The text, or the JSON of the arguments.
    var text = ""
  }

  private let head: Head
  private var choice: ChatChoice
  private var blocks: [Block] = []
  /// Whether the first events have been told.
  private var hasBegun = false
  /// Whether the last block goes on.
  private var isOpen = false

  /// The facts about a response before it begins.
  struct Head: Sendable {
    var id: String
    var model: String
    var promptTokens: Int
    /// The number of first tokens of the prompt that are kept because the request says so.
    var markedTokens = 0
    /// The part that was left out of the prompt, if any.
    var contextShift: ContextShift?
  }

  /// A response whose choice has not begun.
  init(head: Head, choice: ChatChoice) {
    self.head = head
    self.choice = choice
  }

  mutating func append(_ piece: TextPiece, to index: Int) -> [JSONValue] { opening() + events(choice.append(piece)) }

  func isComplete(_ index: Int) -> Bool { choice.isComplete }

  mutating func finish(_ index: Int, _ reason: FinishReason, _ statistics: GenerationStatistics) -> [JSONValue] {
    let rest = opening() + events(choice.finish(reason, statistics)) + closing()
    let delta: JSONValue = [
      "type": "message_delta", "delta": ["stop_reason": stopReason, "stop_sequence": stopSequence],
      "usage": usageJSON,
    ]
    return rest + [delta, ["type": "message_stop"]]
  }

  var completion: JSONValue {
    var message = message(content: blocks.map(json), usage: usageJSON)
    message["stop_reason"] = stopReason
    message["stop_sequence"] = stopSequence
    if let shift = head.contextShift { message["context_shift"] = shift.json }
    return message
  }

  var usage: Usage {
    Usage(
      choice.statistics.map { [(prompt: 0, statistics: $0)] } ?? [], reasoningTokens: choice.reasoningTokens)
  }

  var transcripts: [ChoiceTranscript] { [choice.transcript] }

  func finishReason(of index: Int) -> FinishReason? { choice.finishReason }

  // MARK: Events

  /// The first events wait for the first token, so that clients who take the time to the first event for the time to the
  /// first token are right.
  private mutating func opening() -> [JSONValue] {
    if hasBegun { return [] }
    hasBegun = true
    let usage: JSONValue = [
      "input_tokens": .integer(head.promptTokens), "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
      "output_tokens": 0,
    ]
    return [["type": "message_start", "message": message(content: [], usage: usage)], ["type": "ping"]]
  }

  private mutating func events(_ deltas: [ChatChoice.Delta]) -> [JSONValue] {
    var events: [JSONValue] = []
    for delta in deltas {
      if let text = delta.reasoning { events += append(text, to: .thinking) }
      if let text = delta.content { events += append(text, to: .text) }
      guard let part = delta.toolCall else { continue }
      if let call = part.head { events += begin(.call(call)) }
      if !part.arguments.isEmpty, case .call? = openBlock?.kind { events.append(extend(by: part.arguments)) }
    }
    return events
  }

  /// Adds text to the block that goes on, or to a new one if that is of another kind.
  private mutating func append(_ text: String, to kind: Block.Kind) -> [JSONValue] {
    let start = openBlock?.kind == kind ? [] : begin(kind)
    return start + [extend(by: text)]
  }

  private mutating func extend(by text: String) -> JSONValue {
    blocks[blocks.count - 1].text += text
    return switch blocks[blocks.count - 1].kind {
    case .thinking: event(["type": "thinking_delta", "thinking": .string(text)])
    case .text: event(["type": "text_delta", "text": .string(text)])
    case .call: event(["type": "input_json_delta", "partial_json": .string(text)])
    }
  }

  private var openBlock: Block? { isOpen ? blocks.last : nil }

  private mutating func begin(_ kind: Block.Kind) -> [JSONValue] {
    let closing = closing()
    blocks.append(Block(kind: kind))
    isOpen = true
    let empty: JSONValue =
      switch kind {
      case .thinking: ["type": "thinking", "thinking": "", "signature": ""]
      case .text: ["type": "text", "text": ""]
      case .call(let call): Self.json(call, input: [:])
      }
    return closing + [["type": "content_block_start", "index": .integer(blocks.count - 1), "content_block": empty]]
  }

  /// The events that end the block that goes on.
  private mutating func closing() -> [JSONValue] {
    guard let block = openBlock else { return [] }
    isOpen = false
    let stop: JSONValue = ["type": "content_block_stop", "index": .integer(blocks.count - 1)]
    guard block.kind == .thinking else { return [stop] }
    return [event(["type": "signature_delta", "signature": .string(head.id)]), stop]
  }

  private func event(_ delta: JSONValue) -> JSONValue {
    ["type": "content_block_delta", "index": .integer(blocks.count - 1), "delta": delta]
  }

  // MARK: Objects

  private func message(content: [JSONValue], usage: JSONValue) -> JSONValue {
    [
      "id": .string(head.id), "type": "message", "role": "assistant", "model": .string(head.model),
      "content": .array(content), "stop_reason": nil, "stop_sequence": nil, "usage": usage,
    ]
  }

  private func json(_ block: Block) -> JSONValue {
    switch block.kind {
    // Nobody checks signatures here; clients send them back.
    case .thinking: ["type": "thinking", "thinking": .string(block.text), "signature": .string(head.id)]
    case .text: ["type": "text", "text": .string(block.text)]
    case .call(let call): Self.json(call, input: ChatToolCall.object(block.text))
    }
  }

  private static func json(_ call: ChatToolCall, input: JSONValue) -> JSONValue {
    ["type": "tool_use", "id": .string(call.id), "name": .string(call.name), "input": input]
  }

  private var stopReason: JSONValue {
    switch choice.finishReasonName {
    case nil: .null
    case "tool_calls": "tool_use"
    case "length": "max_tokens"
    default: choice.stopString == nil ? "end_turn" : "stop_sequence"
    }
  }

  private var stopSequence: JSONValue {
    stopReason == "stop_sequence" ? choice.stopString.map(JSONValue.string) ?? .null : .null
  }

  /// Anthropic tells tokens that were read from the cache, and those that were kept there on request, apart from all
  /// others of the prompt.
  private var usageJSON: JSONValue {
    let usage = usage
    let kept = max(0, head.markedTokens - usage.cachedTokens)
    return [
      "input_tokens": .integer(usage.promptTokens - usage.cachedTokens - kept),
      "cache_creation_input_tokens": .integer(kept), "cache_read_input_tokens": .integer(usage.cachedTokens),
      "output_tokens": .integer(usage.completionTokens),
    ]
  }
}
