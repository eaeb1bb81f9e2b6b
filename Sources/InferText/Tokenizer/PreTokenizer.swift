/// A text cut into the pieces that are merged independently of each other.
struct PreTokenizedText {
  /// UTF-8; in the byte alphabet after a `spell` step.
  var bytes: [UInt8]
  var pieces: [Range<Int>]
  /// The place in the whole text at which this begins.
  let start: TextStart

  init(_ bytes: [UInt8], at start: TextStart) {
    self.bytes = bytes
    pieces = bytes.isEmpty ? [] : [0..<bytes.count]
    self.start = start
  }
}

/// One step of cutting a text into pieces.
enum PreTokenizer: Sendable {
  /// The fate of the matches of a splitting pattern.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    /// Neighbouring matches are one piece.
    case contiguous = "Contiguous"
  }

  /// Which pieces a `metaspace` step starts with its mark.
  enum PrependScheme: String, Sendable { case always, first, never }

  case split(SplitPattern, Behavior, inverted: Bool = false)
  /// Puts a space before pieces that do not start with one.
  case prefixSpace
  /// Spells every byte as a character of the byte alphabet.
  case spell
  /// Writes every space as `mark`, as SentencePiece does, and cuts before each.
  case metaspace(mark: [UInt8], prepends: PrependScheme, splits: Bool)

  func apply(to text: inout PreTokenizedText, _ scratch: EncoderScratch) throws(TokenizerError) {
    switch self {
    case .split(let pattern, let behavior, let inverted):
      scratch.pieces.removeAll(keepingCapacity: true)
      for piece in text.pieces {
        scratch.matches.removeAll(keepingCapacity: true)
        try pattern.findMatches(in: text.bytes, piece, with: scratch.matcher, into: &scratch.matches)
        Self.cut(piece, at: scratch.matches, behavior, inverted: inverted, into: &scratch.pieces)
      }
      swap(&text.pieces, &scratch.pieces)
    case .prefixSpace:
      let space = UInt8(ascii: " ")
      let start = text.start
      Self.rewrite(&text) { bytes, piece, output in
        let isWithin = start == .within && piece.lowerBound == 0
        if bytes[piece.lowerBound] != space, !isWithin { output.append(space) }
        output.append(contentsOf: bytes[piece])
      }
    case .spell:
      let spelling = ByteAlphabet.spelling
      Self.rewrite(&text) { bytes, piece, output in
        for byte in bytes[piece] { output.append(contentsOf: spelling[Int(byte)]) }
      }
    case .metaspace(let mark, let prepends, let splits):
      let start = text.start
      Self.rewrite(&text) { bytes, piece, output in
        let isFirst = piece.lowerBound == 0
        let isPrepended =
          prepends == .always && !(start == .within && isFirst) || prepends == .first && start == .beginning && isFirst
        let isMarked = bytes[piece.lowerBound] == UInt8(ascii: " ") || bytes[piece].starts(with: mark)
        if isPrepended, !isMarked { output.append(contentsOf: mark) }
        for byte in bytes[piece] {
          if byte == UInt8(ascii: " ") { output.append(contentsOf: mark) } else { output.append(byte) }
        }
      }
      if splits { try Self.split(.literal(mark), .mergedWithNext).apply(to: &text, scratch) }
    }
  }
}

extension PreTokenizer {
  /// Cuts `piece` into matches and what lies between them, and joins the two as `behavior` says. Empty parts vanish.
  private static func cut(
    _ piece: Range<Int>, at matches: [Range<Int>], _ behavior: Behavior, inverted: Bool, into pieces: inout [Range<Int>]
  ) {
    var cutter = Cutter(behavior: behavior, first: pieces.count)
    var end = piece.lowerBound
    for match in matches {
      if end < match.lowerBound { cutter.add(end..<match.lowerBound, isMatch: inverted, to: &pieces) }
      if !match.isEmpty { cutter.add(match, isMatch: !inverted, to: &pieces) }
      end = match.upperBound
    }
    if end < piece.upperBound { cutter.add(end..<piece.upperBound, isMatch: inverted, to: &pieces) }
  }

  /// Takes the parts of one piece in order.
  private struct Cutter {
    let behavior: Behavior
    /// How many pieces there were before.
    let first: Int
    private var previousMatches: Bool?

    init(behavior: Behavior, first: Int) {
      self.behavior = behavior
      self.first = first
    }

    mutating func add(_ part: Range<Int>, isMatch: Bool, to pieces: inout [Range<Int>]) {
      let joins =
        switch behavior {
        case .removed, .isolated: false
        case .mergedWithPrevious: isMatch && previousMatches != true
        case .mergedWithNext: !isMatch && previousMatches == true
        case .contiguous: isMatch == previousMatches
        }
      previousMatches = isMatch
      if behavior == .removed && isMatch { return }
      if joins, pieces.count > first {
        pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.upperBound
      } else {
        pieces.append(part)
      }
    }
  }

  /// Writes every piece anew.
  private static func rewrite(
    _ text: inout PreTokenizedText, _ write: ([UInt8], Range<Int>, inout [UInt8]) -> Void
  ) {
    var output: [UInt8] = []
    output.reserveCapacity(text.bytes.count + text.bytes.count / 4)
    for index in text.pieces.indices {
      let start = output.count
      write(text.bytes, text.pieces[index], &output)
      text.pieces[index] = start..<output.count
    }
    text.bytes = output
  }
}
