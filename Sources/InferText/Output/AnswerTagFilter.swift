/// Takes the tags off an answer that stands between `<answer>` and `</answer>`, with the line breaks inside of them.
struct AnswerTagFilter: Sendable {
  private enum State { case beginning, lineBreak, content }

  private static let start = Array("<answer>".utf8)
  private static let end = Array("</answer>".utf8)

  private var state = State.beginning
  private var text = PendingText()
  /// Bytes that were kept.
  private var kept = 0
  /// The places, in the text that was kept, where bytes were taken off, and how many up to there.
  private var gaps: [(offset: Int, dropped: Int)] = []

  mutating func append(_ piece: String) -> String {
    text.append(piece)
    return read()
  }

  mutating func finish() -> String {
    text.isComplete = true
    return read()
  }

  private mutating func read() -> String {
    if state == .beginning {
      let space = text.leadingSpace
      switch text.match(Self.start, at: space) {
      case .possible: return ""
      case .absent: state = .content
      case .found:
        drop(space + Self.start.count)
        state = .lineBreak
      }
    }
    if state == .lineBreak, let first = text.first {
      if first == UInt8(ascii: "\n") { drop(1) }
      state = .content
    }
    guard state == .content else { return "" }
    var output = ""
    while true {
      // A line break before the end tag goes with it.
      let (end, match, _) = text.search([Array("\n".utf8) + Self.end, Self.end])
      output += text.take(end)
      kept += end
      text.mark()
      guard match == .found else { return output }
      drop((text.first == UInt8(ascii: "\n") ? 1 : 0) + Self.end.count)
    }
  }

  private mutating func drop(_ count: Int) {
    text.skip(count)
    gaps.append((kept, (gaps.last?.dropped ?? 0) + count))
  }

  /// The place in the text of the byte that is at an offset in what was kept.
  func source(of offset: Int) -> Int { offset + (gaps.last { $0.offset <= offset }?.dropped ?? 0) }

  /// How many bytes, from that offset in what was kept, stand together in the text.
  func connectedBytes(from offset: Int) -> Int { (gaps.first { $0.offset > offset }?.offset ?? .max) - offset }
}
