import InferText

/// A line, or several, as it was entered: something to say, or a command.
enum ChatInput: Equatable {
  case nothing
  case message(String)
  case command(ChatCommand)

  private static let fence = "\"\"\""

  /// Whether what was entered is all of it: a text in `"""` goes on to the next `"""`, another goes on behind a backslash.
  static func isComplete(_ text: String) -> Bool {
    let (start, end) = (
      text.drop(while: \.isWhitespace), String(text.reversed().drop(while: \.isWhitespace).reversed())
    )
    guard String(start).hasExactPrefix(fence) else { return !text.hasExactSuffix("\\") }
    return start.utf8.count >= 6 && end.hasExactSuffix(fence) && end.drop(while: \.isWhitespace).utf8.count >= 6
  }

  /// Takes what was entered apart.
  ///
  /// - Throws: ``CommandFailure`` for a command that is none, or lacks something.
  init(_ text: String) throws(CommandFailure) {
    let trimmed = text.trimmingWhitespace
    if trimmed.isEmpty {
      self = .nothing
    } else if let block = Self.block(trimmed) {
      self = block.trimmingWhitespace.isEmpty ? .nothing : .message(block)
    } else if let plain = trimmed.removing(exactPrefix: "//") {
      self = .message("/" + Self.joined(plain))
    } else if trimmed.hasExactPrefix("/") {
      self = .command(try ChatCommand(Self.joined(trimmed)))
    } else {
      self = .message(Self.joined(text).trimmingWhitespace)
    }
  }

  /// What stands between the marks, without the line breaks next to them; `nil` where there are none.
  private static func block(_ text: String) -> String? {
    guard text.utf8.count >= 6, let rest = text.removing(exactPrefix: fence) else { return nil }
    var block = rest.removing(exactSuffix: fence) ?? rest
    block = block.removing(exactPrefix: "\n") ?? block
    return block.removing(exactSuffix: "\n") ?? block
  }

  private static func joined(_ text: String) -> String { text.replacing("\\\n", with: "\n") }
}

extension String {
  /// The text without white space around it.
  fileprivate var trimmingWhitespace: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
