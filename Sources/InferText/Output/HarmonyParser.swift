/// Reads the channels of gpt-oss: messages with a header each, of which `analysis` is reasoning, those with a recipient
/// are calls, and the others are the answer.
///
///     <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json
///     <|message|>{"a": 1}<|call|>
///
/// The text begins where the prompt ends, behind `<|start|>assistant`. Text without a header is the answer.
struct HarmonyParser: AnswerReader {
  private enum Body { case reasoning, content, call }
  private enum State { case start, header, body(Body) }

  /// The marks that end a message, wherever they stand.
  static let endings = ["<|end|>", "<|return|>", "<|call|>", "<|start|>"]
  private static let endingBytes = endings.map { Array($0.utf8) }
  private static let headings = ["<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "to="].map {
    Array($0.utf8)
  }
  private static let message = Array("<|message|>".utf8)

  /// Everything that may be a token of its own.
  static let literals = [
    "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>", "<|end|>", "<|return|>", "<|call|>",
  ]

  private let takesCalls: Bool
  private var state = State.start
  var text = PendingText()
  private var calls = CallLog()
  /// Of the call being read.
  private var arguments = ""

  /// - Parameter takesCalls: Whether messages with a recipient are calls; otherwise they are what their channel says.
  init(takesCalls: Bool) { self.takesCalls = takesCalls }

  mutating func step(_ pieces: inout [PlacedPiece]) -> Bool {
    text.mark()
    switch state {
    case .start:
      let space = text.leadingSpace
      if space == text.count, !text.isComplete { return false }
      let matches = Self.headings.map { text.match($0, at: space) }
      if !matches.contains(.found), matches.contains(.possible) { return false }
      state = matches.contains(.found) ? .header : .body(.content)
      return !text.isEmpty
    case .header:
      let (offset, match, _) = text.search([Self.message])
      if match == .found, offset <= PendingText.longestName {
        let header = text.take(offset)
        text.skip(Self.message.count)
        open(header, &pieces)
        return true
      }
      if offset <= PendingText.longestName {
        // Of a header that the end of the text cuts short, nothing is content, unless it began as plain text does.
        if text.isComplete, text.first == UInt8(ascii: "<") { text.skip(text.count) }
        if !text.isComplete { return false }
      }
      // Not a header after all. Its first byte is read here, lest it be taken for the next one's.
      state = .body(.content)
      let start = text.offset
      if !text.isEmpty { pieces.append(PlacedPiece(.content(text.take(1)), at: start)) }
      return !text.isEmpty
    case .body(let body): return stepBody(body, &pieces)
    }
  }

  /// Begins the message of a header.
  private mutating func open(_ header: String, _ pieces: inout [PlacedPiece]) {
    let parts = header.parts(separatedBy: "<|channel|>")
    let channel = parts.count > 1 ? String(parts[1].unicodeScalars.prefix { $0.properties.isAlphabetic }) : ""
    state = .body(channel == "analysis" ? .reasoning : .content)
    let marks = header.parts(separatedBy: "to=", limit: 1)
    guard takesCalls, marks.count == 2 else { return }
    var name = String(marks[1].unicodeScalars.prefix { !$0.properties.isWhitespace && $0 != "<" })
    name = name.removing(exactPrefix: "functions.") ?? name
    guard !name.isEmpty, name != "assistant" else { return }
    calls.begin(name)
    pieces += calls.take().map { PlacedPiece($0, at: text.markedOffset) }
    arguments = ""
    state = .body(.call)
  }

  private mutating func stepBody(_ body: Body, _ pieces: inout [PlacedPiece]) -> Bool {
    let (end, match, ending) = text.search(Self.endingBytes)
    let offset = text.offset
    let piece = text.take(end)
    if !piece.isEmpty {
      switch body {
      case .reasoning: pieces.append(PlacedPiece(.reasoning(piece), at: offset))
      case .content: pieces.append(PlacedPiece(.content(piece), at: offset))
      case .call:
        arguments += piece
        pieces.append(PlacedPiece(.arguments(piece), at: offset))
      }
    }
    guard match == .found || text.isComplete else { return false }
    if case .call = body { endCall(isMarked: match == .found, &pieces) }
    guard let ending else { return false }
    // A start is a part of the next header.
    if Self.endingBytes[ending] != Self.headings[0] { text.skip(Self.endingBytes[ending].count) }
    state = .start
    return true
  }

  /// Ends a call. One whose arguments are no object has no end, nor has one whose arguments have not come when the text ends
  /// without a mark.
  private mutating func endCall(isMarked: Bool, _ pieces: inout [PlacedPiece]) {
    state = .start
    let isEmpty = isMarked && arguments.utf8.allSatisfy(\.isJSONSpace)
    guard isEmpty || (try? JSONValue(parsing: arguments))?.object != nil else {
      return calls.abandon()
    }
    if isEmpty { calls.arguments("{}") }
    calls.end()
    pieces += calls.take().map { PlacedPiece($0, at: text.offset) }
  }
}
