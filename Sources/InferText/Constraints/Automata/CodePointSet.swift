/// A set of Unicode code points, surrogates aside: disjoint ranges in ascending order that do not touch.
struct CodePointSet: Hashable, Sendable {
  private(set) var ranges: [ClosedRange<UInt32>] = []

  init() {}

  /// The set of some ranges, in any order.
  init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = Self.merged(ranges) }

  init(_ scalar: UInt32) { ranges = [scalar...scalar] }

  /// All code points.
  static let all = CodePointSet([0...0x10FFFF])

  func union(_ other: CodePointSet) -> CodePointSet { CodePointSet(ranges + other.ranges) }

  func intersection(_ other: CodePointSet) -> CodePointSet { inverse.union(other.inverse).inverse }

  /// The code points that are not in the set.
  var inverse: CodePointSet {
    var (rest, next) = ([ClosedRange<UInt32>](), UInt32(0))
    for range in ranges {
      if range.lowerBound > next { rest.append(next...range.lowerBound - 1) }
      next = range.upperBound + 1
    }
    if next <= 0x10FFFF { rest.append(next...0x10FFFF) }
    var set = CodePointSet()
    set.ranges = rest
    return set
  }

  private static func merged(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
    var result: [ClosedRange<UInt32>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = result.last, range.lowerBound <= last.upperBound + 1 {
        result[result.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
      } else {
        result.append(range)
      }
    }
    return result
  }
}

extension CodePointSet {
  /// ECMAScript's `\d`.
  static let digits = CodePointSet([0x30...0x39])
  /// ECMAScript's `\w`.
  static let wordCharacters = CodePointSet([0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A])
  /// ECMAScript's `\s`: white space and line terminators.
  static let whitespace = CodePointSet([
    0x09...0x0D, 0x20...0x20, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029, 0x202F...0x202F,
    0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ])
  /// The line ends, which ECMAScript's `.` does not match.
  static let lineTerminators = CodePointSet([0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029])
}

extension ExpressionPool {
  /// One character of a set, in UTF-8.
  mutating func character(of set: CodePointSet) -> Expression {
    if let known = characterSets[set] { return known }
    let character = makeCharacter(of: set)
    characterSets[set] = character
    return character
  }

  private mutating func makeCharacter(of set: CodePointSet) -> Expression {
    var alternatives: [Expression] = []
    for range in set.ranges {
      for part in Self.encodable(range) { alternatives.append(characters(part)) }
    }
    return markCharacter(union(alternatives))
  }

  /// A range without surrogates, in parts whose encodings are of one length each.
  private static func encodable(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
    let lengths: [ClosedRange<UInt32>] = [
      0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]
    return lengths.compactMap { $0.overlaps(range) ? $0.clamped(to: range) : nil }
  }

  /// A range whose encodings are of one length.
  private mutating func characters(_ range: ClosedRange<UInt32>) -> Expression {
    characters(Self.encoding(range.lowerBound)[...], Self.encoding(range.upperBound)[...])
  }

  /// The strings from one to another of the same length, of which all bytes but the first go from 0x80 to 0xBF.
  private mutating func characters(_ least: ArraySlice<UInt8>, _ most: ArraySlice<UInt8>) -> Expression {
    guard let first = least.first, let last = most.first else { return .emptyString }
    let (lows, highs) = (least.dropFirst(), most.dropFirst())
    if lows.isEmpty { return bytes(ByteSet(first...last)) }
    let isWholeBelow = lows.allSatisfy { $0 == 0x80 }
    let isWholeAbove = highs.allSatisfy { $0 == 0xBF }
    let (zeros, ones) = (lows.map { _ in UInt8(0x80) }, lows.map { _ in UInt8(0xBF) })
    if first == last { return sequence(bytes(ByteSet(first...first)), characters(lows, highs)) }
    var parts: [Expression] = []
    let wholeFirst = isWholeBelow ? first : first + 1
    let wholeLast = isWholeAbove ? last : last - 1
    if !isWholeBelow { parts.append(sequence(bytes(ByteSet(first...first)), characters(lows, ones[...]))) }
    if wholeFirst <= wholeLast {
      parts.append(sequence(bytes(ByteSet(wholeFirst...wholeLast)), characters(zeros[...], ones[...])))
    }
    if !isWholeAbove { parts.append(sequence(bytes(ByteSet(last...last)), characters(zeros[...], highs))) }
    return union(parts)
  }

  private static func encoding(_ value: UInt32) -> [UInt8] {
    Unicode.Scalar(value).map { Array(String($0).utf8) } ?? []
  }
}
