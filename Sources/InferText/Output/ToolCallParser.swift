/// Finds the calls of tools in an answer, piece by piece.
///
/// White space around calls is dropped; all other text is content, and so is what looks like a call and turns out to
/// be none. Markup of a call that the end of the text breaks off is neither. How the text is cut into pieces makes no
/// difference.
struct ToolCallParser: AnswerReader {
  /// White space of this many bytes at most waits for a call that may follow.
  private static let heldSpace = 64

  private let markers: [CallMarker]
  private let makeReader: @Sendable (CallMarker) -> any ToolCallReader
  var text = PendingText()
  private var calls = CallLog()
  private var reader: (any ToolCallReader)?
  /// Whether what is being read is a call for certain: other things begin with a bare brace as well.
  private var isCertain = false
  /// True until something other than white space has come.
  private var isFirst = true
  /// True while only white space has come since the last call.
  private var followsCall = false
  /// Whether the reader has read something, or the marker was read before it.
  private var hasRead = false

  /// - Parameters:
  ///   - markers: What announces calls.
  ///   - makeReader: A reader of what follows the marker that it is given.
  init(_ markers: [CallMarker], makeReader: @escaping @Sendable (CallMarker) -> any ToolCallReader) {
    self.markers = markers
    self.makeReader = makeReader
  }

  mutating func step(_ pieces: inout [PlacedPiece]) -> Bool {
    if reader == nil { return readContent(&pieces) }
    // What waited for more text when it ended is a call that broke off.
    if text.isComplete, isCertain { return drop() }
    return readCalls(&pieces)
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
    isCertain = !markers[marker].isOnlyFirst
    return true
  }

  /// Goes one step on in a call; false when more text is needed.
  private mutating func readCalls(_ pieces: inout [PlacedPiece]) -> Bool {
    let step = reader?.step(&text, &calls) ?? .done
    if calls.hasProgress {
      pieces += calls.take().map { PlacedPiece($0, at: text.markedOffset) }
      text.mark()
      followsCall = !calls.isOpen
      isCertain = true
    }
    switch step {
    case .again: hasRead = true
    case .more where !text.isComplete: return false
    case .more where isCertain, .cut: return drop()
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

  /// Reads past what is left of a text that ended in a call.
  private mutating func drop() -> Bool {
    text.skip(text.count)
    text.mark()
    calls.abandon()
    reader = nil
    return false
  }
}
