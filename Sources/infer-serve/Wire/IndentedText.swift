/// Text that ends before the first line that is not indented enough.
///
/// The first line may begin anywhere, and blank lines do not count.
struct IndentedText {
  private let minimum: Int
  /// The white space at the beginning of a line of which nothing else has come; `nil` within a line.
  private var space: String?
  /// Whether a line that is not indented enough has come.
  private(set) var isOver = false
  /// Whether there has been a line break.
  private(set) var hasLineBreak = false

  /// Text whose lines begin with so much white space.
  init(minimum: Int) { self.minimum = minimum }

  /// Takes more text, and returns what belongs to the whole.
  mutating func append(_ text: String) -> String {
    var output = ""
    for character in text where !isOver {
      if character.isNewline {
        output += (space ?? "") + String(character)
        hasLineBreak = true
        space = minimum > 0 ? "" : nil
      } else if let held = space {
        if character == " " || character == "\t" {
          space = held + String(character)
        } else if held.count < minimum {
          isOver = true
        } else {
          output += held + String(character)
          space = nil
        }
      } else {
        output.append(character)
      }
    }
    return output
  }

  /// Takes the end, and returns the white space that came last.
  mutating func finish() -> String {
    defer { space = nil }
    return isOver ? "" : space ?? ""
  }
}
