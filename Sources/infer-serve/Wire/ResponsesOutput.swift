import InferCore
import InferText

/// The items of a response while they are generated, and the events that tell of them.
struct ResponsesOutput {
  /// An item of the output.
  private struct Item {
    let kind: ResponsesItemKind
    let id: String
    /// The text, or a call's arguments.
    var text = ""
    var logprobs: [JSONValue] = []
    /// The call, without its arguments.
    var call: ChatToolCall?
    /// `in_progress`, `completed` or `incomplete`.
    var status = "in_progress"
  }

  /// The form in which items are told.
  struct Options: Sendable {
    /// Whether reasoning is told as its summary.
    var summarisesReasoning = false
    /// Whether reasoning is told as `encrypted_content` as well.
    var sealsReasoning = false
    /// Whether log-probabilities are told.
    var tellsLogprobs = false
  }

  private var items: [Item] = []
  private let id: ResponseID
  private let options: Options

  /// No items of a response yet.
  init(_ id: ResponseID, _ options: Options = Options()) {
    self.id = id
    self.options = options
  }

  /// All items.
  var json: [JSONValue] { items.map(json) }

  /// Takes an addition to the answer and returns the events that tell of it.
  mutating func append(_ delta: ChatChoice.Delta) -> [JSONObject] {
    var events: [JSONObject] = []
    if let text = delta.reasoning { events += append(text, to: options.summarisesReasoning ? .summary : .reasoning) }
    let logprobs = options.tellsLogprobs ? delta.logprobs?.content ?? [] : []
    if let text = delta.content {
      events += append(text, to: .message, logprobs)
    } else if !logprobs.isEmpty, items.last?.kind == .message {
      events += append("", to: .message, logprobs)
    }
    if let part = delta.toolCall {
      if let call = part.head { events += open(call.takesText ? .textCall : .call, call) }
      if !part.arguments.isEmpty, let last = items.last, last.call != nil {
        events += append(part.arguments, to: last.kind)
      }
    }
    return events
  }

  /// Ends the last item.
  mutating func close(_ status: String) -> [JSONObject] {
    guard let index = items.indices.last, items[index].status == "in_progress" else { return [] }
    items[index].status = status
    let item = items[index]
    var whole: JSONObject = [item.kind.textMember: .string(item.text)]
    if item.kind == .message { whole["logprobs"] = .array(item.logprobs) }
    var events = [event("\(item.kind.event).done", index, whole)]
    if let partEvent = item.kind.partEvent { events.append(event("\(partEvent).done", index, ["part": part(item)])) }
    return events + [
      ["type": "response.output_item.done", "output_index": .integer(index), "item": json(item)]
    ]
  }

  private mutating func open(_ kind: ResponsesItemKind, _ call: ChatToolCall? = nil) -> [JSONObject] {
    let closing = close("completed")
    let index = items.count
    let item = Item(kind: kind, id: id.output(kind.prefix, index), call: call)
    items.append(item)
    var head = json(item)
    if let member = kind.partsMember { head[member] = .array([]) }
    let events: [JSONObject] =
      closing + [["type": "response.output_item.added", "output_index": .integer(index), "item": head]]
    guard let partEvent = kind.partEvent else { return events }
    return events + [event("\(partEvent).added", index, ["part": part(item)])]
  }

  private mutating func append(
    _ text: String, to kind: ResponsesItemKind, _ logprobs: [JSONValue] = []
  ) -> [JSONObject] {
    let goesOn = items.last.map { $0.kind == kind && $0.status == "in_progress" } ?? false
    let events = goesOn ? [] : open(kind)
    let index = items.count - 1
    items[index].text += text
    items[index].logprobs += logprobs
    var rest: JSONObject = ["delta": .string(text)]
    if kind == .message { rest["logprobs"] = .array(logprobs) }
    return events + [event("\(kind.event).delta", index, rest)]
  }

  /// An event of an item or, if it has any, of its only part.
  private func event(_ type: String, _ index: Int, _ rest: JSONObject) -> JSONObject {
    var members: JSONObject = [
      "type": .string(type), "item_id": .string(items[index].id), "output_index": .integer(index),
    ]
    if let name = items[index].kind.indexMember { members[name] = 0 }
    members.merge(rest)
    return members
  }

  private func part(_ item: Item) -> JSONValue {
    var members: JSONObject = ["type": .string(item.kind.partType), "text": .string(item.text)]
    if item.kind == .message {
      members["annotations"] = .array([])
      members["logprobs"] = .array(item.logprobs)
    }
    return .object(members)
  }

  private func json(_ item: Item) -> JSONValue {
    var members: JSONObject = [
      "id": .string(item.id), "type": .string(item.kind.type), "status": .string(item.status),
    ]
    switch item.kind {
    case .reasoning, .summary:
      members["summary"] = .array([])
      if options.sealsReasoning { members["encrypted_content"] = .string(ResponsesItems.sealed(item.text)) }
    case .message: members["role"] = "assistant"
    case .call, .textCall:
      members["call_id"] = .string(item.call?.id ?? "")
      members["name"] = .string(item.call?.name ?? "")
      members[item.kind.textMember] = .string(item.text)
    }
    if let member = item.kind.partsMember { members[member] = [part(item)] }
    return .object(members)
  }
}
