/// Finds the calls of tools in an answer, piece by piece.
///
/// White space around calls is dropped; all other text is content, and so is what looks like a call and turns out to
/// be none. How the text is cut into pieces makes no difference.
struct ToolCallParser: AnswerReader {
  /// White space of this many bytes at most waits for a call that may follow.
  private static let heldSpace = 64

  private let markers: [CallMarker]
  private let makeReader: @Sendable (CallMarker) -> any ToolCallReader
  var text = PendingText()
  private var calls: CallLog
  private var reader: (any ToolCallReader)?
  /// True until something other than white space has come.
  private var isFirst = true
  /// True while only white space has come since the last call.
  private var followsCall = false
  /// Whether the reader has read something, or the marker was read before it.
  private var hasRead = false

  /// - Parameters:
  ///   - markers: What announces calls.
  ///   - streaming: Whether a call counts once its name is known; otherwise when it is complete.
  ///   - makeReader: A reader of what follows the marker that it is given.
  init(
    _ markers: [CallMarker], streaming: Bool, makeReader: @escaping @Sendable (CallMarker) -> any ToolCallReader
  ) {
    self.markers = markers
    self.makeReader = makeReader
    calls = CallLog(streaming: streaming)
  }

  mutating func step(_ pieces: inout [PlacedPiece]) -> Bool {
    reader == nil ? readContent(&pieces) : readCalls(&pieces)
  }

  /// Reads up to the next marker; false when more text is needed.
  private mutating func readContent(_ pieces: inout [PlacedPiece]) -> Bool {
    let literals = markers.map { $0.isOnlyFirst && !isFirst ? [] : $0.literal }
    var (end, match, marker) = text.search(literals)
    if let index = marker, markers[index].isOnlyFirst, text.spaceBefore(end) < end {
      // It is not the first thing in the text: the byte is content.
      (end, match, marker) = (end + 1, .absent, nil)
      isFirst = false
    }
    // White space waits: it goes if a call follows, or if nothing follows the last call.
    var space = text.spaceBefore(end, limit: Self.heldSpace)
    if match != .found, text.isComplete, !(followsCall && space == end) { space = 0 }
    if space < end {
      (isFirst, followsCall) = (isFirst && text.spaceBefore(end) == end, false)
      let offset = text.offset
      pieces.append(PlacedPiece(.content(text.take(end - space)), at: offset))
      text.mark()
      return true
    }
    guard match == .found, let marker else {
      if text.isComplete { text.skip(space) }
      return false
    }
    text.mark()
    text.skip(space + (markers[marker].isRead ? 0 : markers[marker].literal.count))
    isFirst = false
    reader = makeReader(markers[marker])
    hasRead = !markers[marker].isRead
    return true
  }

  /// Goes one step on in a call; false when more text is needed.
  private mutating func readCalls(_ pieces: inout [PlacedPiece]) -> Bool {
    let step = reader?.step(&text, &calls) ?? .done
    if calls.hasProgress {
      pieces += calls.take().map { PlacedPiece($0, at: text.markedOffset) }
      text.mark()
      followsCall = !calls.isOpen
    }
    switch step {
    case .again: hasRead = true
    case .more where !text.isComplete: return false
    case .done:
      text.mark()
      reader = nil
    case .failed, .more:
      calls.abandon()
      reader = nil
      // A marker that nobody has read is content, lest it be tried again.
      let offset = text.markedOffset
      let rest = text.takeMarked() + (hasRead ? "" : text.take(1))
      text.mark()
      if !rest.isEmpty {
        followsCall = false
        pieces.append(PlacedPiece(.content(rest), at: offset))
      }
    }
    return true
  }
}
