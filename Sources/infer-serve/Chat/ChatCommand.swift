/// A command of a chat, as `/undo`.
enum ChatCommand: Equatable {
  case help
  case clear
  /// The text; empty for none, `nil` for telling it.
  case system(String?)
  /// A setting and its value; `nil` for telling all.
  case set(name: String, value: String)
  case settings
  /// How to think; `nil` for telling it.
  case think(String?)
  case save(path: String, replacing: Bool)
  case load(path: String)
  case retry
  case undo
  case stats
  /// The name; `nil` for telling those that there are.
  case model(String?)
  case exit

  /// A command as people are told of it.
  struct Description {
    var name: String
    var arguments = ""
    var meaning: String
  }

  static let descriptions = [
    Description(name: "/help", meaning: "tells this"),
    Description(name: "/system", arguments: "[TEXT]", meaning: "tells the system message, or sets it; - for none"),
    Description(
      name: "/set", arguments: "[NAME VALUE]",
      meaning: "tells the settings, or sets one: \(ChatSettings.names.joined(separator: ", "))"),
    Description(
      name: "/think", arguments: "[HOW]", meaning: "tells how to think, or sets it: \(ChatSettings.efforts)"),
    Description(name: "/retry", meaning: "has the last message answered anew"),
    Description(name: "/undo", meaning: "takes back the last message and its answer"),
    Description(name: "/clear", meaning: "forgets the conversation, but not the system message and the settings"),
    Description(name: "/save", arguments: "[-f] FILE", meaning: "writes the conversation as JSON; -f replaces a file"),
    Description(name: "/load", arguments: "FILE", meaning: "goes on with a conversation that was written"),
    Description(name: "/stats", meaning: "tells what the last answer took, and all together"),
    Description(name: "/model", arguments: "[NAME]", meaning: "tells the models, or goes on with another of a server"),
    Description(name: "/exit", meaning: "leaves, as ctrl-D does"),
  ]

  /// All that `/help` tells.
  static var helpText: String {
    let heads = descriptions.map { $0.arguments.isEmpty ? $0.name : "\($0.name) \($0.arguments)" }
    let width = heads.reduce(0) { max($0, $1.count) }
    let lines = zip(heads, descriptions).map { head, description in
      "  \(head)\(String(repeating: " ", count: width - head.count))  \(description.meaning)"
    }
    return (lines + notes).map { $0 + "\n" }.joined()
  }

  private static let notes = [
    "",
    #"Several lines: alt-enter begins another, and so does enter behind a backslash or in """ … """."#,
    "A message that begins with a slash: write two.",
    "Keys: ctrl-C stops an answer, ctrl-D leaves, up and down go through what was entered before.",
  ]

  /// - Parameter text: What was entered, with its slash.
  /// - Throws: ``CommandFailure`` for an unknown name and for arguments that are missing or too many.
  init(_ text: String) throws(CommandFailure) {
    let name = String(text.prefix { !$0.isWhitespace })
    let rest = text.dropFirst(name.count).drop(while: \.isWhitespace)
    let argument = rest.isEmpty ? nil : String(rest)
    switch name {
    case "/system": self = .system(argument == "-" ? "" : argument)
    case "/set": self = try Self.set(argument)
    case "/think": self = .think(argument)
    case "/save":
      let isReplacing = argument == "-f" || (argument?.hasPrefix("-f ") ?? false)
      let path = isReplacing ? argument?.dropFirst(2).drop(while: \.isWhitespace) : argument?[...]
      guard let path, !path.isEmpty else { throw CommandFailure("/save needs a file") }
      self = .save(path: String(path), replacing: isReplacing)
    case "/load":
      guard let argument else { throw CommandFailure("/load needs a file") }
      self = .load(path: argument)
    case "/model": self = .model(argument)
    default:
      guard let command = Self.plain[name] ?? Self.others[name] else {
        let hint = Spelling.hint(for: name, among: Self.descriptions.map(\.name))
        throw CommandFailure(
          "there is no command \(name)\(hint.isEmpty ? "; /help tells them, // begins a message" : hint)")
      }
      guard argument == nil else { throw CommandFailure("\(name) takes nothing behind it") }
      self = command
    }
  }

  private static let plain: [String: ChatCommand] = [
    "/help": .help, "/clear": .clear, "/retry": .retry, "/undo": .undo, "/stats": .stats, "/exit": .exit,
  ]
  /// Names that other programs have for them.
  private static let others: [String: ChatCommand] = ["/?": .help, "/quit": .exit, "/bye": .exit]

  private static func set(_ argument: String?) throws(CommandFailure) -> ChatCommand {
    guard let argument else { return .settings }
    let name = argument.prefix { !$0.isWhitespace && $0 != "=" }
    let value = argument.dropFirst(name.count).drop { $0.isWhitespace || $0 == "=" }
    guard !value.isEmpty else { throw CommandFailure("/set \(name) needs a value, or 'default'") }
    return .set(name: String(name), value: String(value))
  }
}
