/// A sample of the Prometheus text format: a name, labels and a value.
package struct PrometheusSample {
  package let name: String
  package let value: Double
  private let labels: [(name: String, value: String)]

  /// Reads a line such as `rows_total{layer="1",expert="2"} 345`; a time behind the value is passed over. `nil` for a comment,
  /// and for what is none.
  package init?(_ line: Substring) {
    var rest = line.utf8[...]
    func takeName() -> String {
      let name = rest.prefix { byte in
        let character = Character(Unicode.Scalar(byte))
        return character.isASCII && (character.isLetter || character.isNumber || character == "_" || character == ":")
      }
      rest = rest.dropFirst(name.count)
      return String(Substring(name))
    }
    func skipSpaces() { rest = rest.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") } }
    func take(_ character: Unicode.Scalar) -> Bool {
      skipSpaces()
      guard rest.first == UInt8(ascii: character) else { return false }
      rest = rest.dropFirst()
      return true
    }
    func takeText() -> String? {
      guard take("\"") else { return nil }
      var bytes: [UInt8] = []
      while let byte = rest.popFirst() {
        switch byte {
        case UInt8(ascii: "\""): return String(validating: bytes, as: UTF8.self)
        case UInt8(ascii: "\\"):
          guard let escaped = rest.popFirst() else { return nil }
          bytes.append(escaped == UInt8(ascii: "n") ? UInt8(ascii: "\n") : escaped)
        default: bytes.append(byte)
        }
      }
      return nil
    }
    name = takeName()
    guard !name.isEmpty else { return nil }
    var labels: [(name: String, value: String)] = []
    if take("{") {
      while !take("}") {
        skipSpaces()
        let label = takeName()
        guard !label.isEmpty, take("="), let text = takeText() else { return nil }
        labels.append((label, text))
        guard take(",") || rest.first == UInt8(ascii: "}") else { return nil }
      }
    }
    self.labels = labels
    skipSpaces()
    let number = rest.prefix { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\r") }
    guard let value = Double(Substring(number)) else { return nil }
    self.value = value
  }

  /// The value of a label; `nil` where there is none.
  package subscript(label: String) -> String? {
    labels.first { $0.name.utf8.elementsEqual(label.utf8) }?.value
  }

  /// The value of a label that is a number from 0 on.
  package func number(_ label: String) -> Int? {
    guard let text = self[label], let number = Int(text), number >= 0 else { return nil }
    return number
  }
}
