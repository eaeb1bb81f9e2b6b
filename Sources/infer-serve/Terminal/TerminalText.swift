/// Text from outside as a terminal may be given it.
enum TerminalText {
  /// The text without anything that a terminal would obey: line feeds and tabs stay, carriage returns go, and other control
  /// characters, and those that change the direction of what follows, are shown by signs of their own.
  static func shown(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { sign($0) != $0 }) else { return text }
    var shown = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if let sign = sign(scalar) { shown.append(sign) }
    }
    return String(shown)
  }

  /// The text in one line, for an error or a name.
  static func line(_ text: String) -> String {
    shown(text.split(whereSeparator: \.isNewline).joined(separator: " "))
  }

  /// The sign that stands for a scalar; `nil` for none.
  private static func sign(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    switch scalar.value {
    case 0x09, 0x0A: scalar
    case 0x0D: nil
    // The pictures of control characters.
    case 0..<0x20: Unicode.Scalar(0x2400 + scalar.value)
    case 0x7F: "\u{2421}"
    case 0x80...0x9F, 0x202A...0x202E, 0x2066...0x2069: "\u{FFFD}"
    default: scalar
    }
  }
}
