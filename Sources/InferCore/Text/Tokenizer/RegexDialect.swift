/// Tokenizer patterns are written for Oniguruma. Where PCRE2 reads the same spelling differently, this says what was
/// meant; what cannot be said in PCRE2 is an error, because a silent difference would give other tokens.
enum RegexDialect {
  /// White space as Unicode defines it. PCRE2's own `\s` adds U+180E.
  private static let space = #"\t-\r\x{20}\x{85}\p{Z}"#
  /// Word characters as Unicode defines them. PCRE2's own `\w` lacks marks and connectors.
  private static let word = #"\p{L}\p{M}\p{Nd}\p{Pc}"#

  static func translate(_ pattern: String, at path: String) throws(TokenizerError) -> String {
    var output = String.UnicodeScalarView()
    var scalars = pattern.unicodeScalars[...]
    var classDepth = 0
    while let scalar = scalars.popFirst() {
      switch scalar {
      case "\\":
        guard let escaped = scalars.popFirst() else {
          throw .invalid(path: path, reason: "the pattern ends in a backslash")
        }
        output += try escape(escaped, inClass: classDepth > 0, at: path).unicodeScalars
      case "[" where classDepth > 0 && scalars.first != ":":
        throw .unsupported(path: path, what: "a character class inside another one")
      case "&" where classDepth > 0 && scalars.first == "&":
        throw .unsupported(path: path, what: "an intersection of character classes")
      case "[" where classDepth > 0:
        output.append(contentsOf: "[:".unicodeScalars)
        scalars.removeFirst()
        classDepth += 1
      case "[":
        output.append(scalar)
        classDepth = 1
        // A bracket right after the opening one, or after its negation, is a member of the class.
        if scalars.first == "^" { output.append(scalars.removeFirst()) }
        if scalars.first == "]" { output.append(scalars.removeFirst()) }
      case "]" where classDepth > 0:
        output.append(scalar)
        classDepth -= 1
      default:
        output.append(scalar)
      }
    }
    return String(output)
  }

  private static func escape(_ escaped: Unicode.Scalar, inClass: Bool, at path: String) throws(TokenizerError) -> String
  {
    switch (escaped, inClass) {
    case ("s", true): return space
    case ("s", false): return "[\(space)]"
    case ("S", false): return "[^\(space)]"
    case ("w", true): return word
    case ("w", false): return "[\(word)]"
    case ("W", false): return "[^\(word)]"
    case ("S", true), ("W", true), ("h", _), ("H", _), ("R", true), ("X", true):
      throw .unsupported(path: path, what: "\\\(escaped)\(inClass ? " in a character class" : "") in a pattern")
    default: return "\\\(escaped)"
    }
  }
}
