/// A text that is equal to another only when their UTF-8 is the same.
///
/// Swift's `String` compares by canonical equivalence: U+03AF and U+1F77 are equal, and so are `é` in one scalar and in
/// two. Vocabularies, JSON and Python tell them apart, so what comes from a file or a client is looked up by this.
public struct ExactText: Hashable, Sendable {
  /// The text.
  public let string: String

  /// Wraps a text.
  public init(_ string: String) { self.string = string }

  /// Whether both consist of the same bytes.
  public static func == (left: ExactText, right: ExactText) -> Bool { left.string.isExactly(right.string) }

  /// Feeds the bytes to a hasher.
  public func hash(into hasher: inout Hasher) {
    var string = string
    string.withUTF8 { bytes in unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes)) }
    hasher.combine(UInt8.max)
  }
}

extension ExactText: ExpressibleByStringLiteral, CustomStringConvertible {
  /// Wraps a literal.
  public init(stringLiteral value: String) { string = value }

  /// The text itself.
  public var description: String { string }
}

extension Set<ExactText> {
  /// Whether a text is in the set.
  package func contains(_ text: String) -> Bool { contains(ExactText(text)) }

  /// Adds a text; false when it was there before.
  @discardableResult
  package mutating func insert(_ text: String) -> Bool { insert(ExactText(text)).inserted }
}

/// Comparisons by bytes.
extension String {
  /// Whether `other` consists of the same bytes.
  package func isExactly(_ other: String) -> Bool {
    utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
  }

  /// Whether the text's bytes start with those of `prefix`.
  package func hasExactPrefix(_ prefix: String) -> Bool { utf8.starts(with: prefix.utf8) }

  /// Whether the text's bytes end with those of `suffix`.
  package func hasExactSuffix(_ suffix: String) -> Bool { utf8.reversed().starts(with: suffix.utf8.reversed()) }

  /// The places where the bytes of `part` start, without overlap; an empty part is at no place.
  package func exactPositions(of part: String, limit: Int = .max) -> [Int] {
    part.isEmpty ? [] : SubstringSearch(part.utf8).positions(in: utf8, limit: limit)
  }

  /// Whether the bytes of `part` are among the text's.
  package func containsExactly(_ part: String) -> Bool {
    part.isEmpty || !exactPositions(of: part, limit: 1).isEmpty
  }

  /// The rest behind `prefix`, or nil when the text does not start with its bytes.
  package func removing(exactPrefix prefix: String) -> String? {
    hasExactPrefix(prefix) ? String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
  }

  /// The rest before `suffix`, or nil when the text does not end with its bytes.
  package func removing(exactSuffix suffix: String) -> String? {
    hasExactSuffix(suffix) ? String(decoding: utf8.dropLast(suffix.utf8.count), as: UTF8.self) : nil
  }
}

extension Sequence<String> {
  /// Whether a text is among these, by bytes.
  package func containsExactly(_ text: String) -> Bool { contains { $0.isExactly(text) } }
}
