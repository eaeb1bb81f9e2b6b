/// The field `Forwarded` (RFC 7239), as far as it tells of clients.
enum ForwardedField {
  /// An element: one proxy's word.
  struct Element: Equatable {
    /// The address; `nil` for a name instead of one.
    var address: String?
    var scheme: String?
  }

  /// The elements of all fields of that name, in their order.
  static func elements(_ fields: [String]) -> [Element] {
    fields.flatMap { split($0, ",") }.map { text in
      var element = Element()
      for pair in split(text, ";") {
        let parts = pair.split(separator: "=", maxSplits: 1)
        guard parts.count == 2 else { continue }
        switch trimmed(String(parts[0])).lowercased() {
        case "for": element.address = address(String(parts[1]))
        case "proto": element.scheme = unquoted(String(parts[1])).lowercased()
        default: break
        }
      }
      return element
    }
  }

  /// The address of a node, which may have a port, brackets and quotes; `nil` for a name.
  static func address(_ node: String) -> String? {
    var text = Substring(unquoted(node))
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      text = text[text.index(after: text.startIndex)..<end]
    } else if text.count(where: { $0 == ":" }) == 1 {
      text = text.prefix { $0 != ":" }
    }
    let address = String(text)
    return AddressBlock.bytes(of: address) == nil ? nil : address
  }

  private static func trimmed(_ text: String) -> String {
    String(
      text.trimmingPrefix { $0 == " " || $0 == "\t" }.reversed().trimmingPrefix { $0 == " " || $0 == "\t" }.reversed())
  }

  private static func unquoted(_ text: String) -> String {
    let text = trimmed(text)
    return text.count > 1 && text.hasPrefix("\"") && text.hasSuffix("\"") ? String(text.dropFirst().dropLast()) : text
  }

  /// The parts between separators that do not stand in quotes.
  private static func split(_ text: String, _ separator: Character) -> [String] {
    var parts = [""]
    var isQuoted = false
    for character in text {
      if character == "\"" { isQuoted.toggle() }
      if character == separator, !isQuoted { parts.append("") } else { parts[parts.count - 1].append(character) }
    }
    return parts.filter { !trimmed($0).isEmpty }
  }
}
