import OrderedCollections

/// A conversation that a chat template has rendered: a text of which it is known what the template wrote and what came from
/// messages, tools, documents and variables.
///
/// Only the template can write special tokens: ``Tokenizer/encode(_:allowingSpecialInMessages:)`` takes their names in
/// what came from outside for plain text.
public struct ChatPrompt: Sendable, Equatable {
  /// A part of the prompt.
  public struct Segment: Sendable, Equatable {
    /// The part's text.
    public let text: String
    /// Whether the template wrote it, rather than who sent the conversation.
    public let isFromTemplate: Bool
  }

  private let content: JinjaString

  init(_ content: JinjaString) { self.content = content }

  /// The whole text.
  public var text: String { content.text }

  /// The bytes of the text's UTF-8 that came from outside of the template, ascending and apart.
  package var outside: [Range<Int>] { content.outside }

  /// The parts in order; neighbours differ in where they come from.
  ///
  /// - Complexity: O(n) in the text's length.
  public var segments: [Segment] {
    var segments: [Segment] = []
    var end = 0
    func add(_ range: Range<Int>, isFromTemplate: Bool) {
      if !range.isEmpty { segments.append(Segment(text: content[range].text, isFromTemplate: isFromTemplate)) }
    }
    for range in outside {
      add(end..<range.lowerBound, isFromTemplate: true)
      add(range, isFromTemplate: false)
      end = range.upperBound
    }
    add(end..<content.count, isFromTemplate: true)
    return segments
  }

  /// The first bytes of the prompt.
  func prefix(bytes count: Int) -> ChatPrompt { ChatPrompt(content[0..<count]) }

  /// Whether both are the same text from the same places.
  public static func == (left: ChatPrompt, right: ChatPrompt) -> Bool {
    left.content == right.content && left.outside == right.outside
  }
}

extension JinjaValue {
  /// Roles that are the same word whoever writes it: templates make special tokens of them, as in `<|user|>`.
  private static let roles = [
    "system", "developer", "user", "assistant", "tool", "function", "ipython", "model", "observation", "environment",
  ]

  /// A message of a conversation, of which nothing but a usual role can become part of a special token.
  init(message: JSONValue) {
    self.init(message)
    guard case .dictionary(var members) = self, let role = message["role"]?.string, Self.roles.containsExactly(role)
    else { return }
    members[.plain("role")] = .plain(role)
    self = .dictionary(members)
  }
}
