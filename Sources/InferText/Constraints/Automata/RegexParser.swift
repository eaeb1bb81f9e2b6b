/// Reads regular expressions of ECMAScript (ECMA-262, 22.2.1 and annex B.1.2), in Unicode's characters.
///
/// Refused by name: backreferences, lookbehind, octal escapes, and escapes that ECMAScript does not have. Lazy quantifiers
/// match the same strings as greedy ones, and captures match as groups. Names of groups may be written as Python writes
/// them, `(?P<name>…)`.
struct RegexParser {
  private let characters: [Unicode.Scalar]
  var position = 0
  private var depth = 0
  /// The names of the groups that a match of the alternatives so far may have.
  private var groupNames: Set<[Unicode.Scalar]> = []

  private static let maxDepth = 200
  private static let maxCount = 100_000

  /// `true` when a dot stands for line ends as well.
  private let dotIsAny: Bool

  private init(_ text: String, dotIsAny: Bool) {
    characters = Array(text.unicodeScalars)
    self.dotIsAny = dotIsAny
  }

  /// The expression that a text is.
  ///
  /// - Parameter dotIsAny: `true` for the flag `s`, with which a dot stands for line ends as well.
  static func parse(_ text: String, dotIsAny: Bool = false) throws(RegexError) -> RegexSyntax {
    var parser = RegexParser(text, dotIsAny: dotIsAny)
    let result = try parser.alternation()
    if parser.next != nil { throw parser.error("unmatched )") }
    return result
  }

  var next: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

  func error(_ reason: String) -> RegexError { RegexError(offset: position, reason: reason) }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard next == scalar else { return false }
    position += 1
    return true
  }

  mutating func take(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard characters[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  // MARK: Structure

  private mutating func alternation() throws(RegexError) -> RegexSyntax {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maxDepth else { throw error("nested more than \(Self.maxDepth) deep") }
    let outer = groupNames
    var alternatives = [try sequence()]
    var names = groupNames
    while take("|") {
      // Groups of different alternatives may have one name.
      groupNames = outer
      alternatives.append(try sequence())
      names.formUnion(groupNames)
    }
    groupNames = names
    return alternatives.count == 1 ? alternatives[0] : .alternation(alternatives)
  }

  private mutating func sequence() throws(RegexError) -> RegexSyntax {
    var parts: [RegexSyntax] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      let start = position
      let term = try term()
      guard let (least, most) = try quantifier() else {
        parts.append(term)
        continue
      }
      let isGroup = characters[start] == "("
      switch term {
      case _ where isGroup: break
      case .start: throw RegexError(offset: start, reason: "a quantifier behind ^")
      case .end: throw RegexError(offset: start, reason: "a quantifier behind $")
      case .wordBoundary: throw RegexError(offset: start, reason: "a quantifier behind \\b or \\B")
      default: break
      }
      parts.append(.repetition(term, least: least, most: most))
    }
    return parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func quantifier() throws(RegexError) -> (Int, Int?)? {
    let bounds: (Int, Int?)
    if take("*") {
      bounds = (0, nil)
    } else if take("+") {
      bounds = (1, nil)
    } else if take("?") {
      bounds = (0, 1)
    } else if let counted = try counts() {
      bounds = counted
    } else {
      return nil
    }
    _ = take("?")
    return bounds
  }

  /// `{n}`, `{n,}` or `{n,m}`; `nil`, and nothing read, for any other brace, which stands for itself.
  private mutating func counts() throws(RegexError) -> (Int, Int?)? {
    let start = position
    guard take("{"), let least = number() else {
      position = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = number() }
    guard take("}") else {
      position = start
      return nil
    }
    guard least <= Self.maxCount, most ?? 0 <= Self.maxCount else {
      throw RegexError(offset: start, reason: "more than \(Self.maxCount) repetitions")
    }
    if let most, most < least { throw RegexError(offset: start, reason: "{\(least),\(most)} is out of order") }
    return (least, most)
  }

  /// Digits as a number, capped beyond all limits.
  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = min((value ?? 0) * 10 + Int(scalar.value - 48), Self.maxCount + 1)
      position += 1
    }
    return value
  }

  private mutating func term() throws(RegexError) -> RegexSyntax {
    guard let scalar = next else { return .sequence([]) }
    switch scalar {
    case "^":
      position += 1
      return .start
    case "$":
      position += 1
      return .end
    case "(": return try group()
    case ".":
      position += 1
      return .character(dotIsAny ? .all : CodePointSet.lineTerminators.inverse)
    case "[": return .character(try characterClass())
    case "\\": return try escape()
    case "*", "+", "?": throw error("nothing to repeat")
    case "{":
      let start = position
      if try counts() != nil { throw RegexError(offset: start, reason: "nothing to repeat") }
      position += 1
      return .character(CodePointSet(scalar.value))
    default:
      position += 1
      return .character(CodePointSet(scalar.value))
    }
  }

  private mutating func group() throws(RegexError) -> RegexSyntax {
    let start = position
    var lookahead: Bool?
    if take("(?:") {
    } else if take("(?=") {
      lookahead = false
    } else if take("(?!") {
      lookahead = true
    } else if take("(?<=") || take("(?<!") {
      throw RegexError(offset: start, reason: "lookbehind is not supported")
    } else if take("(?<") || take("(?P<") {
      try groupName()
    } else if take("(?") {
      throw RegexError(offset: start, reason: "this kind of group is not supported")
    } else {
      position += 1
    }
    let inner = try alternation()
    guard take(")") else { throw RegexError(offset: start, reason: "a ( without )") }
    return lookahead.map { .lookahead(inner, isNegative: $0) } ?? inner
  }

  /// The rest of a group's name, behind `<`.
  private mutating func groupName() throws(RegexError) {
    let start = position
    var name: [Unicode.Scalar] = []
    while let scalar = next, scalar != ">" {
      position += 1
      let isEscape = scalar == "\\" && take("u")
      guard let part = isEscape ? Unicode.Scalar(try codePoint()) : scalar else { throw error("a surrogate in a name") }
      guard part == "$" || part == "_" || part.properties.isIDStart || !name.isEmpty && part.continuesName else {
        throw RegexError(offset: position - 1, reason: "\(part) in the name of a group")
      }
      name.append(part)
    }
    guard take(">"), !name.isEmpty else { throw RegexError(offset: start, reason: "a group without a name and >") }
    guard groupNames.insert(name).inserted else {
      throw RegexError(offset: start, reason: "two groups of the name \(text(start..<position - 1))")
    }
  }

  func text(_ range: Range<Int>) -> String { String(String.UnicodeScalarView(characters[range])) }
}

extension Unicode.Scalar {
  /// `true` for a character that the name of a group may go on with.
  fileprivate var continuesName: Bool { properties.isIDContinue || self == "\u{200C}" || self == "\u{200D}" }
}
