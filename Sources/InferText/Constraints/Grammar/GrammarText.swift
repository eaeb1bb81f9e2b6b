/// The text of a grammar, read from front to back.
struct GrammarText {
  let scalars: [Unicode.Scalar]
  var position = 0
  private let comments: [String]
  private var depth = 0

  private static let maxDepth = 200
  /// The maximum of counts of repetitions.
  static let maxCount = 100_000

  /// - Parameters:
  ///   - text: The text.
  ///   - comments: The marks with which comments begin.
  init(_ text: String, comments: [String]) {
    scalars = Array(text.unicodeScalars)
    self.comments = comments
  }

  var next: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

  /// A complaint about a place, the current one by default.
  func error(_ reason: String, at place: Int? = nil) -> GrammarError {
    let before = scalars[..<(place ?? position)]
    let line = before.count { $0 == "\n" } + 1
    let column = before.count - (before.lastIndex(of: "\n") ?? -1)
    return GrammarError("line \(line), column \(column): \(reason)")
  }

  /// A complaint about what stands here instead of something.
  func unexpected(_ expected: String) -> GrammarError {
    error("expected \(expected), not \(next.map { $0 == "\n" ? "the end of the line" : "'\($0)'" } ?? "the end")")
  }

  func startsWith(_ text: String) -> Bool { scalars[position...].starts(with: text.unicodeScalars) }

  mutating func take(_ text: String) -> Bool {
    guard startsWith(text) else { return false }
    position += text.unicodeScalars.count
    return true
  }

  mutating func skip(while condition: (Unicode.Scalar) -> Bool) {
    while let scalar = next, condition(scalar) { position += 1 }
  }

  /// Reads characters of a kind; empty where there are none.
  mutating func take(while condition: (Unicode.Scalar) -> Bool) -> String {
    let start = position
    skip(while: condition)
    return scalars[start..<position].reduce(into: "") { $0.unicodeScalars.append($1) }
  }

  /// Skips white space and comments, over the ends of lines if `lines` is true.
  mutating func skipSpace(lines: Bool) {
    while let scalar = next {
      if scalar == " " || scalar == "\t" || scalar == "\r" || lines && scalar == "\n" {
        position += 1
      } else if comments.contains(where: startsWith) {
        skip { $0 != "\n" }
      } else {
        return
      }
    }
  }

  /// Reads the mark before an alternative, which may be on the next line.
  mutating func takeBar() -> Bool {
    let place = position
    skipSpace(lines: true)
    if take("|") { return true }
    position = place
    return false
  }

  /// Goes one level deeper, for as long as ``leave()`` has not been called.
  mutating func enter() throws(GrammarError) {
    depth += 1
    guard depth <= Self.maxDepth else { throw error("nested more than \(Self.maxDepth) deep") }
  }

  /// Comes back from a level.
  mutating func leave() { depth -= 1 }

  /// Digits as a number, `nil` where there are none.
  mutating func count() throws(GrammarError) -> Int? {
    let start = position
    var value: Int?
    while let scalar = next, ("0"..."9").contains(scalar) {
      value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
      guard value ?? 0 <= Self.maxCount else { throw error("more than \(Self.maxCount) repetitions", at: start) }
      position += 1
    }
    return value
  }

  /// Reads an escaped character, from behind its backslash.
  ///
  /// - Parameter others: Characters that stand for themselves behind a backslash.
  mutating func escaped(others: String) throws(GrammarError) -> Unicode.Scalar {
    let start = position - 1
    guard let scalar = next else { throw unexpected("an escaped character") }
    position += 1
    let length: Int
    switch scalar {
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "f": return "\u{0C}"
    case "v": return "\u{0B}"
    case "0": return "\0"
    case "x": length = 2
    case "u": length = 4
    case "U": length = 8
    default:
      guard others.unicodeScalars.contains(scalar) else { throw error("unknown escape '\\\(scalar)'", at: start) }
      return scalar
    }
    let digits = scalars[position...].prefix(length).prefix { $0.properties.isASCIIHexDigit }
    let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
    guard digits.count == length, let value, let scalar = Unicode.Scalar(value) else {
      throw error("expected \(length) hexadecimal digits of a character behind '\\\(scalar)'", at: start)
    }
    position += length
    return scalar
  }
}

/// The rules of a grammar that is being read, by name.
struct NamedRules {
  var grammar = Grammar()
  private var indices: [String: Int] = [:]
  private var isDefined: [Bool] = []
  /// The place at which each name was first used.
  private var places: [Int] = []

  /// The rule of a name that stands at a place of the text.
  mutating func reference(_ name: String, at place: Int) -> Grammar.Part { .rule(index(of: name, at: place)) }

  /// `true` for a name that was defined.
  func isKnown(_ name: String) -> Bool { indices[name].map { isDefined[$0] } ?? false }

  mutating func define(_ name: String, _ body: Grammar.Part, at place: Int, _ text: GrammarText) throws(GrammarError) {
    let index = index(of: name, at: place)
    guard !isDefined[index] else { throw text.error("rule '\(name)' is defined twice", at: place) }
    isDefined[index] = true
    grammar.rules[index].body = body
  }

  /// The grammar whose texts are those of a rule.
  func finished(start name: String, _ text: GrammarText) throws(GrammarError) -> Grammar {
    guard isKnown(name), let start = indices[name] else { throw GrammarError("there is no rule '\(name)'") }
    if let missing = isDefined.firstIndex(of: false) {
      throw text.error("there is no rule '\(grammar.rules[missing].name)'", at: places[missing])
    }
    var grammar = grammar
    grammar.start = start
    return grammar
  }

  private mutating func index(of name: String, at place: Int) -> Int {
    if let known = indices[name] { return known }
    let index = grammar.rules.count
    indices[name] = index
    grammar.rules.append(Grammar.Rule(name: name, body: .choice([])))
    isDefined.append(false)
    places.append(place)
    return index
  }
}
