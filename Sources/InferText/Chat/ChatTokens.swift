/// The tokens of a chat prompt, and where its messages begin and end.
public struct ChatTokens: Sendable, Equatable {
  /// The token ids.
  public let ids: [Int32]
  /// Numbers of first tokens after which the text of a message begins, as far as the template marks beginnings by added
  /// tokens: what the template writes between that token and the text is left out. Ascending.
  package let messageStarts: [Int]
  /// The number of first tokens after which the text of the last message has ended, with the token that marks its end;
  /// `nil` where the template has none.
  package let lastMessageEnd: Int?
  /// Bytes at which texts between added tokens begin, ascending, and the number of tokens before each.
  private let starts: [Start]

  private struct Start: Sendable, Equatable {
    let byte: Int
    let tokens: Int
  }

  /// - Parameters:
  ///   - ids: The token ids.
  ///   - outside: Bytes of the prompt that came from messages.
  ///   - starts: Bytes at which texts between added tokens begin, and the number of tokens before them.
  init(ids: [Int32], outside: [Range<Int>], starts: [(byte: Int, tokens: Int)]) {
    self.ids = ids
    var messageStarts: [Int] = []
    var next = starts.startIndex
    var end = 0
    for range in outside {
      var last: Int?
      while next < starts.endIndex, starts[next].byte <= range.lowerBound {
        // Added tokens within messages mark nothing.
        if starts[next].byte >= end { last = starts[next].tokens }
        next += 1
      }
      if let last, last > messageStarts.last ?? 0 { messageStarts.append(last) }
      end = range.upperBound
    }
    self.messageStarts = messageStarts
    self.starts = starts.map { Start(byte: $0.byte, tokens: $0.tokens) }
    lastMessageEnd = outside.last.flatMap { last in starts.first { $0.byte >= last.upperBound }?.tokens }
  }

  /// The number of first tokens up to the added token at or behind a byte of the prompt, that token included; `nil`
  /// where none comes.
  ///
  /// - Complexity: O(n) in the number of added tokens.
  package func end(behind byte: Int) -> Int? { starts.first { $0.byte >= byte }?.tokens }

  /// About the number of tokens before a byte of the prompt: exact where an added token stands shortly before it, as before the
  /// text of a message; as many as there are bytes elsewhere.
  ///
  /// - Parameters:
  ///   - byte: The byte.
  ///   - byteCount: The number of the prompt's bytes.
  /// - Complexity: O(log n) in the number of added tokens.
  package func count(before byte: Int, of byteCount: Int) -> Int {
    let next = starts.firstIndexInOrder { $0.byte > byte }
    let before = next == 0 ? Start(byte: 0, tokens: 0) : starts[next - 1]
    guard byte - before.byte > Self.headerBytes else { return before.tokens }
    let behind = next < starts.count ? starts[next] : Start(byte: byteCount, tokens: ids.count)
    guard behind.byte > before.byte else { return before.tokens }
    return before.tokens + (byte - before.byte) * (behind.tokens - before.tokens) / (behind.byte - before.byte)
  }

  /// The maximum number of bytes that templates write between an added token and the text of a message.
  private static let headerBytes = 32

  /// Numbers of first tokens after which other prompts are likely to go on differently: where the first two messages and
  /// the last two begin, and where the last one ends.
  ///
  /// A system prompt is often followed by other questions; the last messages are asked again, or in other words; and what
  /// the template wrote behind the last message may be gone in the next turn, as reasoning is.
  public var branches: [Int] {
    var branches = Array(messageStarts.prefix(2))
    for start in messageStarts.suffix(2) where start > branches.last ?? 0 { branches.append(start) }
    if let lastMessageEnd, lastMessageEnd > branches.last ?? 0 { branches.append(lastMessageEnd) }
    return branches
  }
}
