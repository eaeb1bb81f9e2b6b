/// A pattern of names, as configurations have them for modules: it is looked for at the beginning of a name, as Python's
/// `re.match` does.
package struct NamePattern: Sendable {
  private let expression: RegularExpression

  /// Compiles a pattern.
  ///
  /// - Throws: `TokenizerError` when it is none.
  package init(_ pattern: String) throws(TokenizerError) {
    expression = try RegularExpression("\\A(?:\(pattern))", at: "pattern")
  }

  /// Whether the name begins so. A match that takes beyond all measure is none.
  package func matches(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    var ranges: [Range<Int>] = []
    let matcher = RegularExpression.Matcher()
    try? expression.findMatches(in: bytes, 0..<bytes.count, with: matcher, into: &ranges)
    return !ranges.isEmpty
  }
}
