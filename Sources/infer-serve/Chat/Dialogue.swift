import Foundation
import InferKit
import InferText

/// A message of a person and its answer.
struct Exchange: Equatable {
  var question: String
  var answer: String
  /// The model's reasoning before the answer; `nil` for none.
  var reasoning: String?
}

/// A conversation.
struct Dialogue: Equatable {
  /// The system message; `nil` for none.
  var system: String?
  var exchanges: [Exchange] = []

  /// The messages in order.
  var messages: [Message] {
    var messages = system.map { [Message(.system, $0)] } ?? []
    for exchange in exchanges {
      messages.append(Message(.user, exchange.question))
      messages.append(Message(.assistant, exchange.answer, reasoning: exchange.reasoning))
    }
    return messages
  }

  /// For a file: an object with `messages`, as requests have them.
  var json: JSONValue { ["messages": .array(messages.map(\.json))] }

  init() {}

  /// Reads what ``json`` writes, or the messages alone.
  ///
  /// - Throws: ``CommandFailure`` that names the message and what is wrong with it.
  init(json: JSONValue) throws(CommandFailure) {
    guard let messages = json.array ?? json["messages"]?.array else {
      throw CommandFailure("expected an object with an array 'messages', found \(json.kind)")
    }
    var question: String?
    for (index, message) in messages.enumerated() {
      let place = "messages[\(index)]"
      guard let role = message["role"]?.string, let content = message["content"]?.string else {
        throw CommandFailure("\(place) must have the texts 'role' and 'content'")
      }
      switch role {
      case "system" where index == 0: system = content
      case "user" where question == nil: question = content
      case "assistant":
        guard let asked = question.take() else { throw CommandFailure("\(place) answers no message of the user") }
        exchanges.append(
          Exchange(question: asked, answer: content, reasoning: message["reasoning_content"]?.string))
      default:
        throw CommandFailure(
          "\(place) has the role '\(role)'; expected a system message, then by turns those of user and assistant")
      }
    }
    guard question == nil else { throw CommandFailure("the last message has no answer") }
  }
}

/// Files of conversations.
enum DialogueFile {
  private static let limit = 64 << 20

  /// The place of a path, in which `~/` is the home folder: no shell has seen it.
  private static func url(_ path: String) -> URL {
    guard let rest = path.removing(exactPrefix: "~/"), let home = ProcessInfo.processInfo.environment["HOME"] else {
      return URL(filePath: path)
    }
    return URL(filePath: home).appending(path: rest)
  }

  /// Writes a conversation for its owner alone.
  static func save(_ conversation: Dialogue, to path: String, replacing: Bool) throws(CommandFailure) {
    let url = url(path)
    guard replacing || !FileManager.default.fileExists(atPath: url.path) else {
      throw CommandFailure("\(path) exists; /save -f \(path) replaces it")
    }
    do {
      try Data((conversation.json.serialized(.pretty) + "\n").utf8).write(to: url, options: .atomic)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: url.path)
    } catch { throw CommandFailure("cannot write \(path): \(error.localizedDescription)") }
  }

  static func load(_ path: String) throws(CommandFailure) -> Dialogue {
    let data: Data
    do {
      let handle = try FileHandle(forReadingFrom: url(path))
      data = try handle.read(upToCount: limit + 1) ?? Data()
    } catch { throw CommandFailure("cannot read \(path): \(error.localizedDescription)") }
    guard data.count <= limit else { throw CommandFailure("\(path) has more than \(limit >> 20) MiB") }
    do {
      return try Dialogue(json: try JSONValue(parsing: Array(data)))
    } catch { throw CommandFailure("\(path): \((error as? CommandFailure)?.errorDescription ?? "\(error)")") }
  }
}
