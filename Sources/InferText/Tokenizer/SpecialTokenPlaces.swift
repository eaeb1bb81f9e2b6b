/// The places in a text where names of special tokens become those tokens.
enum SpecialTokenPlaces: Sendable {
  case everywhere, nowhere
  /// Everywhere but where a byte of the name is in these ranges, which are ascending and apart.
  case outside([Range<Int>])

  /// Whether a name in this place is its token.
  func take(_ match: Range<Int>) -> Bool {
    switch self {
    case .everywhere: true
    case .nowhere: false
    case .outside(let ranges): Self.firstRange(reaching: match, in: ranges) == nil
    }
  }

  /// Whether a name in this place is put together from both sides of a border.
  func cut(_ match: Range<Int>) -> Bool {
    guard case .outside(let ranges) = self, let range = Self.firstRange(reaching: match, in: ranges) else {
      return false
    }
    return match.lowerBound < range.lowerBound || match.upperBound > range.upperBound
  }

  /// The places in a part of the text, counted from its start.
  func within(_ part: Range<Int>) -> SpecialTokenPlaces {
    guard case .outside(let ranges) = self else { return self }
    let moved = ranges.within(part)
    return moved.isEmpty ? .everywhere : .outside(moved)
  }

  private static func firstRange(reaching match: Range<Int>, in ranges: [Range<Int>]) -> Range<Int>? {
    let index = ranges.indexOfFirst(endingBehind: match.lowerBound)
    return index < ranges.count && ranges[index].lowerBound < match.upperBound ? ranges[index] : nil
  }
}
