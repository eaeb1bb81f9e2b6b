/// A text cut into the pieces that are merged independently of each other.
struct PreTokenizedText {
  /// UTF-8; in the byte alphabet after a `byteLevel` step.
  var bytes: [UInt8]
  var pieces: [Range<Int>]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    pieces = bytes.isEmpty ? [] : [0..<bytes.count]
  }
}

/// One step of cutting a text into pieces.
enum PreTokenizer: Sendable {
  /// What becomes of the matches of a splitting pattern.
  enum Behavior: String, Sendable {
    case removed = "Removed"
    case isolated = "Isolated"
    case mergedWithPrevious = "MergedWithPrevious"
    case mergedWithNext = "MergedWithNext"
    /// Neighbouring matches are one piece.
    case contiguous = "Contiguous"
  }

  case split(SplitPattern, Behavior, inverted: Bool)
  case digits(individual: Bool)
  /// Spells every byte as a character of the byte alphabet, after splitting by `pattern`.
  case byteLevel(pattern: RegularExpression?, addsPrefixSpace: Bool)

  func apply(
    to text: inout PreTokenizedText, with matcher: borrowing RegularExpression.Matcher
  ) throws(TokenizerError) {
    switch self {
    case .split(let pattern, let behavior, let inverted):
      var pieces: [Range<Int>] = []
      for piece in text.pieces {
        let matches = try pattern.matches(in: text.bytes, piece, with: matcher)
        Self.cut(piece, at: matches, behavior, inverted: inverted, into: &pieces)
      }
      text.pieces = pieces
    case .digits(let individual):
      text.pieces = text.pieces.flatMap { piece in
        var pieces: [Range<Int>] = []
        let digits = Self.digits(in: text.bytes, piece)
        Self.cut(piece, at: digits, individual ? .isolated : .contiguous, inverted: false, into: &pieces)
        return pieces
      }
    case .byteLevel(let pattern, let addsPrefixSpace):
      if addsPrefixSpace { Self.addPrefixSpaces(to: &text) }
      if let pattern { try Self.split(.regex(pattern), .isolated, inverted: false).apply(to: &text, with: matcher) }
      Self.spell(&text)
    }
  }
}

extension PreTokenizer {
  /// Cuts `piece` into matches and what lies between them, and joins the two as `behavior` says. Empty parts vanish.
  private static func cut(
    _ piece: Range<Int>, at matches: [Range<Int>], _ behavior: Behavior, inverted: Bool, into pieces: inout [Range<Int>]
  ) {
    var parts: [(range: Range<Int>, isMatch: Bool)] = []
    var end = piece.lowerBound
    for match in matches {
      if end < match.lowerBound { parts.append((end..<match.lowerBound, inverted)) }
      if !match.isEmpty { parts.append((match, !inverted)) }
      end = match.upperBound
    }
    if end < piece.upperBound { parts.append((end..<piece.upperBound, inverted)) }

    let first = pieces.count
    var previousMatches = false
    for (index, part) in parts.enumerated() {
      let joins =
        switch behavior {
        case .removed, .isolated: false
        case .mergedWithPrevious: part.isMatch && !previousMatches
        case .mergedWithNext: !part.isMatch && previousMatches
        case .contiguous: index > 0 && part.isMatch == previousMatches
        }
      previousMatches = part.isMatch
      if behavior == .removed && part.isMatch { continue }
      if joins, pieces.count > first {
        pieces[pieces.count - 1] = pieces[pieces.count - 1].lowerBound..<part.range.upperBound
      } else {
        pieces.append(part.range)
      }
    }
  }

  /// Each numeric scalar (general categories Nd, Nl, No) by itself.
  private static func digits(in text: [UInt8], _ piece: Range<Int>) -> [Range<Int>] {
    var digits: [Range<Int>] = []
    var position = piece.lowerBound
    for scalar in String(decoding: text[piece], as: UTF8.self).unicodeScalars {
      let end = position + UTF8.width(scalar)
      switch scalar.properties.generalCategory {
      case .decimalNumber, .letterNumber, .otherNumber: digits.append(position..<end)
      default: break
      }
      position = end
    }
    return digits
  }

  private static func addPrefixSpaces(to text: inout PreTokenizedText) {
    let space = UInt8(ascii: " ")
    rewrite(&text) { piece, output in
      if piece.first != space { output.append(space) }
      output.append(contentsOf: piece)
    }
  }

  private static func spell(_ text: inout PreTokenizedText) {
    let spelling = ByteAlphabet.spelling
    rewrite(&text) { piece, output in
      for byte in piece { output.append(contentsOf: spelling[Int(byte)]) }
    }
  }

  private static func rewrite(_ text: inout PreTokenizedText, _ write: (ArraySlice<UInt8>, inout [UInt8]) -> Void) {
    var output: [UInt8] = []
    output.reserveCapacity(text.bytes.count + text.bytes.count / 4)
    for index in text.pieces.indices {
      let start = output.count
      write(text.bytes[text.pieces[index]], &output)
      text.pieces[index] = start..<output.count
    }
    text.bytes = output
  }
}
