import Foundation

extension CodePointSet {
  /// The code points with a property, named as in ECMAScript's `\p{…}` (ECMA-262, tables 67 to 69): `L`, `Letter`,
  /// `General_Category=Letter`, `Script=Greek`, `Script_Extensions=Greek`, `Alphabetic`, and their short names. `nil` for
  /// names that ECMAScript or the library of patterns does not have.
  ///
  /// - Complexity: O(code points) when a property is first asked for.
  static func withProperty(_ name: String) -> CodePointSet? {
    let parts = name.utf8.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      .map { String(decoding: $0, as: UTF8.self) }
    let names = PropertyNames.shared
    if parts.count == 1 { return names.set(ofCategory: name) ?? names.set(ofBinary: name) }
    return switch parts[0] {
    case "General_Category", "gc": names.set(ofCategory: parts[1])
    case "Script", "sc": names.set(ofScript: parts[1], "sc")
    case "Script_Extensions", "scx": names.set(ofScript: parts[1], "scx")
    default: nil
    }
  }
}

/// The properties of characters by name, as PCRE2 knows them.
private final class PropertyNames: @unchecked Sendable {
  static let shared = PropertyNames()

  private let lock = NSLock()
  /// The sets that were asked for, by the pattern of one character. Scripts and properties are some hundreds.
  private var known: [String: CodePointSet] = [:]

  func set(ofCategory name: String) -> CodePointSet? {
    for (short, long) in Self.categories where short == name || long.contains(name) {
      return short == "Cs" ? CodePointSet() : set(#"\p{\#(short)}"#)
    }
    return nil
  }

  func set(ofBinary name: String) -> CodePointSet? {
    switch name {
    case "Any": .all
    case "ASCII": CodePointSet([0...0x7F])
    case "Assigned": set(ofCategory: "Cn")?.inverse
    default: Self.binary.contains(name) ? set(#"\p{\#(name)}"#) : nil
    }
  }

  func set(ofScript name: String, _ kind: String) -> CodePointSet? {
    let isName = name.utf8.allSatisfy { Unicode.Scalar($0).properties.isAlphabetic || $0 == UInt8(ascii: "_") }
    guard isName, name.utf8.first.map({ (0x41...0x5A).contains($0) }) == true else { return nil }
    return set(#"\p{\#(kind):\#(name)}"#)
  }

  private func set(_ pattern: String) -> CodePointSet? {
    lock.withLock {
      if let set = known[pattern] { return set }
      guard let expression = try? RegularExpression("\(pattern)+", at: "") else { return nil }
      let set = Self.matches(of: expression)
      known[pattern] = set
      return set
    }
  }

  /// The characters that an expression matches, of which it takes as many as stand together.
  private static func matches(of expression: RegularExpression) -> CodePointSet? {
    var bytes: [UInt8] = []
    for scalar in (UInt32(0)...0x10FFFF).lazy.compactMap(Unicode.Scalar.init) { bytes += scalar.utf8 }
    var found: [Range<Int>] = []
    let matcher = RegularExpression.Matcher()
    guard (try? expression.findMatches(in: bytes, 0..<bytes.count, with: matcher, into: &found)) != nil else {
      return nil
    }
    return CodePointSet(found.map { codePoint(at: $0.lowerBound)...codePoint(at: $0.upperBound) - 1 })
  }

  /// The code point that begins at an offset in the text of all.
  private static func codePoint(at offset: Int) -> UInt32 {
    // The offset at which encodings of each length begin, and the code point, the surrogates left out.
    let blocks: [(offset: Int, first: Int, length: Int)] = [
      (0, 0, 1), (0x80, 0x80, 2), (0xF80, 0x800, 3), (0xF80 + 3 * 0xD000, 0xE000, 3),
      (0xF80 + 3 * 0xF000, 0x10000, 4),
    ]
    let block = blocks.last { $0.offset <= offset } ?? blocks[0]
    return UInt32(block.first + (offset - block.offset) / block.length)
  }

  /// General categories and their longer names.
  private static let categories: KeyValuePairs<String, [String]> = [
    "C": ["Other"], "Cc": ["Control", "cntrl"], "Cf": ["Format"], "Cn": ["Unassigned"], "Co": ["Private_Use"],
    "Cs": ["Surrogate"], "L": ["Letter"], "LC": ["Cased_Letter"], "Ll": ["Lowercase_Letter"],
    "Lm": ["Modifier_Letter"], "Lo": ["Other_Letter"], "Lt": ["Titlecase_Letter"], "Lu": ["Uppercase_Letter"],
    "M": ["Mark", "Combining_Mark"], "Mc": ["Spacing_Mark"], "Me": ["Enclosing_Mark"], "Mn": ["Nonspacing_Mark"],
    "N": ["Number"], "Nd": ["Decimal_Number", "digit"], "Nl": ["Letter_Number"], "No": ["Other_Number"],
    "P": ["Punctuation", "punct"], "Pc": ["Connector_Punctuation"], "Pd": ["Dash_Punctuation"],
    "Pe": ["Close_Punctuation"], "Pf": ["Final_Punctuation"], "Pi": ["Initial_Punctuation"],
    "Po": ["Other_Punctuation"], "Ps": ["Open_Punctuation"], "S": ["Symbol"], "Sc": ["Currency_Symbol"],
    "Sk": ["Modifier_Symbol"], "Sm": ["Math_Symbol"], "So": ["Other_Symbol"], "Z": ["Separator"],
    "Zl": ["Line_Separator"], "Zp": ["Paragraph_Separator"], "Zs": ["Space_Separator"],
  ]

  /// Properties that a character has or has not.
  private static let binary: Set<String> = [
    "ASCII_Hex_Digit", "AHex", "Alphabetic", "Alpha", "Bidi_Control", "Bidi_C", "Bidi_Mirrored", "Bidi_M",
    "Case_Ignorable", "CI", "Cased", "Changes_When_Casefolded", "CWCF", "Changes_When_Casemapped", "CWCM",
    "Changes_When_Lowercased", "CWL", "Changes_When_NFKC_Casefolded", "CWKCF", "Changes_When_Titlecased", "CWT",
    "Changes_When_Uppercased", "CWU", "Dash", "Default_Ignorable_Code_Point", "DI", "Deprecated", "Dep", "Diacritic",
    "Dia", "Emoji", "Emoji_Component", "EComp", "Emoji_Modifier", "EMod", "Emoji_Modifier_Base", "EBase",
    "Emoji_Presentation", "EPres", "Extended_Pictographic", "ExtPict", "Extender", "Ext", "Grapheme_Base", "Gr_Base",
    "Grapheme_Extend", "Gr_Ext", "Hex_Digit", "Hex", "IDS_Binary_Operator", "IDSB", "IDS_Trinary_Operator", "IDST",
    "ID_Continue", "IDC", "ID_Start", "IDS", "Ideographic", "Ideo", "Join_Control", "Join_C",
    "Logical_Order_Exception", "LOE", "Lowercase", "Lower", "Math", "Noncharacter_Code_Point", "NChar",
    "Pattern_Syntax", "Pat_Syn", "Pattern_White_Space", "Pat_WS", "Quotation_Mark", "QMark", "Radical",
    "Regional_Indicator", "RI", "Sentence_Terminal", "STerm", "Soft_Dotted", "SD", "Terminal_Punctuation", "Term",
    "Unified_Ideograph", "UIdeo", "Uppercase", "Upper", "Variation_Selector", "VS", "White_Space", "space",
    "XID_Continue", "XIDC", "XID_Start", "XIDS",
  ]
}
