import InferText

/// Reads conversations as ShareGPT has them: an array of `{"conversations": [{"from": "human", "value": …}, …]}`; or
/// with the names of OpenAI's messages, `{"messages": [{"role": "user", "content": …}, …]}`.
struct ConversationFile {
  /// Tokens of an answer, where the option decides; otherwise answers are as long as the recorded ones.
  var outputTokens: Int?
  /// How much longer answers are than the recorded ones.
  var lengthScale = 1.0
  /// Tokens of an answer that neither the option nor the file tells the length of.
  var defaultOutputTokens = 128

  /// One session a conversation, all at time 0. A turn is what stands before an answer of the model; conversations
  /// in which nobody asks anything are passed over, and so are answers before the first question.
  func sessions(_ file: TraceFile) throws(CommandFailure) -> [ReplaySession] {
    let document: JSONValue
    do { document = try JSONValue(parsing: file.bytes) } catch {
      throw file.failure(line: error.line, "column \(error.column): \(error.reason)")
    }
    guard let conversations = document.array else {
      throw file.failure("expected an array of conversations, found \(document.kind)")
    }
    var sessions: [ReplaySession] = []
    for (index, conversation) in conversations.enumerated() {
      let turns = try turns(conversation, "conversation \(index + 1)", file)
      if !turns.isEmpty { sessions.append(ReplaySession(arrival: 0, turns: turns)) }
    }
    guard !sessions.isEmpty else { throw file.failure("expected conversations, found none with a question") }
    return sessions
  }

  private func turns(
    _ conversation: JSONValue, _ place: String, _ file: TraceFile
  ) throws(CommandFailure) -> [ReplayTurn] {
    guard let messages = (conversation["conversations"] ?? conversation["messages"])?.array else {
      throw file.failure("\(place): expected an object with an array \"conversations\", found \(conversation.kind)")
    }
    var turns: [ReplayTurn] = []
    var pending: [JSONValue] = []
    var hasQuestion = false
    for (index, message) in messages.enumerated() {
      let (role, text) = try read(message, "\(place), message \(index + 1)", file)
      if role == "assistant" {
        guard hasQuestion else { continue }
        turns.append(ReplayTurn(prompt: .messages(pending), output: length(text)))
        (pending, hasQuestion) = ([], false)
      } else {
        pending.append(["role": .string(role), "content": .string(text)])
        hasQuestion = hasQuestion || role == "user"
      }
    }
    if hasQuestion { turns.append(ReplayTurn(prompt: .messages(pending), output: length(nil))) }
    return turns
  }

  private func read(
    _ message: JSONValue, _ place: String, _ file: TraceFile
  ) throws(CommandFailure) -> (role: String, text: String) {
    guard let name = (message["from"] ?? message["role"])?.string else {
      throw file.failure("\(place): expected an object with \"from\" and \"value\", found \(message.kind)")
    }
    guard let text = (message["value"] ?? message["content"])?.string else {
      throw file.failure("\(place): expected a string \"value\"")
    }
    let role: String
    switch name {
    case "human", "user": role = "user"
    case "gpt", "chatgpt", "bing", "bard", "assistant", "model": role = "assistant"
    case "system": role = "system"
    default: throw file.failure("\(place): expected from \"human\", \"gpt\" or \"system\", not \"\(name.prefix(60))\"")
    }
    return (role, text)
  }

  private func length(_ answer: String?) -> ReplayTurn.Length {
    if let outputTokens { return .tokens(outputTokens) }
    return answer.map { .text($0, scale: lengthScale) } ?? .tokens(defaultOutputTokens)
  }
}
