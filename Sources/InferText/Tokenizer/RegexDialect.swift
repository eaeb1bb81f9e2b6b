/// Tokenizer patterns are written for Oniguruma. Where PCRE2 reads the same spelling differently, this says what was
/// meant; what cannot be said in PCRE2 is an error, because a silent difference would give other tokens.
struct RegexDialect {
  /// White space as Unicode defines it. PCRE2's own `\s` adds U+180E.
  private static let space = #"\t-\r\x{20}\x{85}\p{Z}"#
  /// Word characters as Unicode defines them. PCRE2's own `\w` lacks marks and connectors.
  private static let word = #"\p{L}\p{M}\p{Nd}\p{Pc}"#

  private var scalars: Substring.UnicodeScalarView
  private let path: String

  static func translate(_ pattern: String, at path: String) throws(TokenizerError) -> String {
    var dialect = RegexDialect(scalars: pattern.unicodeScalars[...], path: path)
    var output = ""
    while let scalar = dialect.scalars.popFirst() {
      switch scalar {
      case "\\": output += try dialect.escape(inClass: false)
      case "[": output += try dialect.characterClass(depth: 1)
      default: output.unicodeScalars.append(scalar)
      }
    }
    return output
  }

  /// The rest of a class behind its opening bracket. An intersection turns into the class on its left, where the one on
  /// its right matches too.
  private mutating func characterClass(depth: Int) throws(TokenizerError) -> String {
    guard depth <= 8 else { throw unsupported("nesting character classes more than eight deep") }
    var content = "["
    if scalars.first == "^" { content.unicodeScalars.append(scalars.removeFirst()) }
    let isNegated = content.count > 1
    // A bracket right after the opening one, or after its negation, is a member of the class.
    if scalars.first == "]" { content.unicodeScalars.append(scalars.removeFirst()) }
    while let scalar = scalars.popFirst() {
      switch scalar {
      case "\\": content += try escape(inClass: true)
      case "[" where scalars.first == ":": content += "[" + posixClass()
      case "[": throw unsupported("a character class inside another one")
      case "&" where scalars.first == "&":
        scalars.removeFirst()
        guard !isNegated else { throw unsupported("a negated intersection of character classes") }
        guard scalars.popFirst() == "[" else { throw unsupported("an intersection with anything but a class") }
        let right = try characterClass(depth: depth + 1)
        guard scalars.popFirst() == "]" else { throw unsupported("an intersection of more than two classes") }
        return "(?:(?=\(right))\(content)])"
      case "]": return content + "]"
      default: content.unicodeScalars.append(scalar)
      }
    }
    return content
  }

  /// The rest of `[:alpha:]`.
  private mutating func posixClass() -> String {
    var name = ""
    while let scalar = scalars.popFirst() {
      name.unicodeScalars.append(scalar)
      if scalar == "]" { break }
    }
    return name
  }

  private mutating func escape(inClass: Bool) throws(TokenizerError) -> String {
    guard let escaped = scalars.popFirst() else {
      throw .invalid(path: path, reason: "the pattern ends in a backslash")
    }
    switch (escaped, inClass) {
    case ("s", true): return Self.space
    case ("s", false): return "[\(Self.space)]"
    case ("S", false): return "[^\(Self.space)]"
    case ("w", true): return Self.word
    case ("w", false): return "[\(Self.word)]"
    case ("W", false): return "[^\(Self.word)]"
    case ("S", true), ("W", true), ("h", _), ("H", _), ("R", true), ("X", true):
      throw unsupported("\\\(escaped)\(inClass ? " in a character class" : "") in a pattern")
    default: return "\\\(escaped)"
    }
  }

  private func unsupported(_ what: String) -> TokenizerError { .unsupported(path: path, what: what) }
}
