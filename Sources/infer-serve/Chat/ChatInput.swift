import InferText

/// A line, or several, as it was entered: something to say, or a command.
enum ChatInput: Equatable {
  case nothing
  case message(String)
  case command(ChatCommand)

  private static let fence = "\"\"\""

  /// `true` for an entry that ends here: one that begins with `"""` ends with the next `"""`, another anywhere but behind a
  /// backslash.
  static func isComplete(_ text: String) -> Bool {
    let trimmed = text.trimmingWhitespace
    guard trimmed.hasExactPrefix(fence) else { return !text.hasExactSuffix("\\") }
    return trimmed.utf8.count >= 2 * fence.utf8.count && trimmed.hasExactSuffix(fence)
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

  /// The text between two `"""`, without the line breaks next to them; `nil` where there are none.
  private static func block(_ text: String) -> String? {
    guard text.utf8.count >= 2 * fence.utf8.count, let rest = text.removing(exactPrefix: fence) else { return nil }
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
