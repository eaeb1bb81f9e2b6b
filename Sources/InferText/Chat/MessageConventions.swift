/// The conversations that a chat template takes, found out by rendering: some refuse, or leave out, messages that clients
/// send as a matter of course.
struct MessageConventions: Sendable, Equatable {
  /// System messages at all.
  var takesSystem = true
  /// More than one at the beginning.
  var takesSeveralSystems = true
  /// One behind other messages.
  var takesLaterSystem = true
  /// The role `developer`, which stands for `system` otherwise.
  var takesDeveloper = false
  /// Two messages of a user, or of the assistant, in a row.
  var takesRepeatedRoles = true

  /// Renders a few conversations.
  ///
  /// - Parameters:
  ///   - source: The template's text.
  ///   - render: What the template makes of messages; nil where it refuses them.
  init(source: String, render: ([JSONValue]) -> String?) {
    func takes(_ roles: String...) -> Bool {
      let messages = roles.enumerated().map { Self.message($1, "probe\($0)") }
      guard let text = render(messages) else { return false }
      return roles.indices.allSatisfy { text.containsExactly("probe\($0)") }
    }
    takesDeveloper = source.containsExactly("developer") && takes("developer", "user")
    // A template that refuses even this needs something that is not known here.
    guard takes("user"), takes("user", "assistant", "user") else { return }
    takesSystem = takes("system", "user")
    takesSeveralSystems = takesSystem && takes("system", "system", "user")
    takesLaterSystem = takesSystem && takes("system", "user", "assistant", "system", "user")
    takesRepeatedRoles = takes("user", "user") && takes("user", "assistant", "assistant", "user")
  }

  /// A tool for templates that are only rendered with tools.
  static let probeTools: JSONValue = [
    [
      "type": "function",
      "function": ["name": "probe", "description": "", "parameters": ["type": "object", "properties": [:]]],
    ]
  ]

  private static func message(_ role: String, _ content: String) -> JSONValue {
    ["role": .string(role), "content": .string(content)]
  }

  /// The changes that ``adapt(_:)`` may make to messages, a sentence each.
  var adaptations: [String] {
    var sentences: [String] = []
    if !takesSystem {
      sentences.append("The chat template takes no system messages: their text is put before that of the first user's.")
    } else if !takesSeveralSystems || !takesLaterSystem {
      sentences.append(
        "The chat template takes one system message, at the beginning: where there are others, all are joined there.")
    }
    if !takesRepeatedRoles {
      sentences.append("The chat template takes turns by turns: neighbouring messages of one role are joined.")
    }
    return sentences
  }

  /// The messages in a form that the template takes. Those that it takes as they are stay as they are.
  ///
  /// - Complexity: O(n) in the number of messages.
  func adapt(_ messages: [JSONValue]) -> [JSONValue] {
    var messages = messages
    if !takesDeveloper {
      for index in messages.indices where messages[index].role == "developer" { messages[index]["role"] = "system" }
    }
    let leading = messages.prefix(while: \.isSystem).count
    let all = messages.count(where: \.isSystem)
    if all > 0, !takesSystem || leading > 1 && !takesSeveralSystems || all > leading && !takesLaterSystem {
      messages = joiningSystems(of: messages)
    }
    return takesRepeatedRoles ? messages : Self.joiningNeighbours(in: messages)
  }

  private func joiningSystems(of messages: [JSONValue]) -> [JSONValue] {
    let systems = messages.filter(\.isSystem)
    var rest = messages.filter { !$0.isSystem }
    if takesSystem, var first = systems.first {
      first["content"] = Self.joined(systems.map { $0["content"] ?? .null })
      return [first] + rest
    }
    let user = rest.firstIndex { $0.role == "user" } ?? 0
    if !rest.indices.contains(user) || rest[user].role != "user" { rest.insert(Self.message("user", ""), at: 0) }
    rest[user]["content"] = Self.joined((systems + [rest[user]]).map { $0["content"] ?? .null })
    return rest
  }

  private static func joiningNeighbours(in messages: [JSONValue]) -> [JSONValue] {
    var result: [JSONValue] = []
    var index = 0
    while index < messages.count {
      let message = messages[index]
      let run = messages[index...].prefix { $0.isPlainTurn && $0.role == message.role }
      if run.count < 2 {
        result.append(message)
        index += 1
      } else {
        var whole = message
        whole["content"] = joined(run.map { $0["content"] ?? .null })
        result.append(whole)
        index += run.count
      }
    }
    return result
  }

  /// Contents with blank lines between them; a list of parts, where any is one.
  private static func joined(_ contents: [JSONValue]) -> JSONValue {
    let contents = contents.filter { !$0.isNull && $0 != "" }
    let texts = contents.compactMap(\.string)
    if texts.count == contents.count { return .string(texts.joined(separator: "\n\n")) }
    var parts: [JSONValue] = []
    for content in contents {
      if !parts.isEmpty { parts.append(["type": "text", "text": "\n\n"]) }
      parts += content.array ?? [["type": "text", "text": content]]
    }
    return .array(parts)
  }
}

extension JSONValue {
  fileprivate var role: String? { self["role"]?.string }

  fileprivate var isSystem: Bool { role == "system" || role == "developer" }

  /// Whether it is a message of a user or the assistant that holds nothing but content.
  fileprivate var isPlainTurn: Bool {
    guard role == "user" || role == "assistant", let members = object else { return false }
    return members.keys.allSatisfy { ["role", "content"].containsExactly($0) }
  }
}
