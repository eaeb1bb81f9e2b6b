import Foundation

/// One step of bringing a text into the form that the vocabulary was learned on.
enum Normalizer: Sendable {
  enum Form: String, Sendable { case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD" }

  case form(Form)
  case lowercase
  case prepend([UInt8])
  case replace(SplitPattern, with: [UInt8])
  case strip(left: Bool, right: Bool)

  /// The steps of a normalizer in a tokenizer file; a sequence is flattened.
  static func steps(_ field: TokenizerField) throws(TokenizerError) -> [Normalizer] {
    switch try field.type() {
    case "Sequence":
      var steps: [Normalizer] = []
      for step in try field.require("normalizers").elements() { steps += try Self.steps(step) }
      return steps
    case "Lowercase": return [.lowercase]
    case "Prepend": return [.prepend(Array(try field.require("prepend").string().utf8))]
    case "Replace":
      return [
        .replace(
          try SplitPattern(try field.require("pattern")), with: Array(try field.require("content").string().utf8))
      ]
    case "Strip":
      let left = try field.flag("strip_left", default: true)
      return [.strip(left: left, right: try field.flag("strip_right", default: true))]
    case let type:
      guard let form = Form(rawValue: type) else { throw field.unsupported("the normalizer \(type)") }
      return [.form(form)]
    }
  }

  func apply(to text: [UInt8], with matcher: borrowing RegularExpression.Matcher) throws(TokenizerError) -> [UInt8] {
    switch self {
    case .form(let form): return form.apply(to: text)
    case .lowercase: return Array(String(decoding: text, as: UTF8.self).lowercased().utf8)
    case .prepend(let prefix): return text.isEmpty ? [] : prefix + text
    case .replace(let pattern, let content):
      var output: [UInt8] = []
      var end = 0
      for match in try pattern.matches(in: text, 0..<text.count, with: matcher) {
        output += text[end..<match.lowerBound]
        output += content
        end = match.upperBound
      }
      return output + text[end...]
    case .strip(let left, let right):
      var scalars = String(decoding: text, as: UTF8.self).unicodeScalars[...]
      if left { scalars = scalars.drop { $0.properties.isWhitespace } }
      while right, scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
      return Array(String(scalars).utf8)
    }
  }
}

extension Normalizer.Form {
  fileprivate func apply(to text: [UInt8]) -> [UInt8] {
    // Nearly all text is in composed form already, and telling so is much cheaper than composing.
    let string = String(decoding: text, as: UTF8.self)
    if self == .nfc, string.unicodeScalars.allSatisfy(\.isUnchangedByComposition) { return text }
    return switch self {
    case .nfc: Array(string.precomposedStringWithCanonicalMapping.utf8)
    case .nfd: Array(string.decomposedStringWithCanonicalMapping.utf8)
    case .nfkc: Array(string.precomposedStringWithCompatibilityMapping.utf8)
    case .nfkd: Array(string.decomposedStringWithCompatibilityMapping.utf8)
    }
  }
}

extension Unicode.Scalar {
  /// Blocks of starters that neither change under NFC nor combine with what precedes them (not all such blocks).
  fileprivate var isUnchangedByComposition: Bool {
    switch value {
    case ..<0x300, 0x2010...0x2027, 0x3001...0x3029, 0x3041...0x3096, 0x30A1...0x30FA, 0x4E00...0x9FFF, 0xAC00...0xD7A3,
      0xFF01...0xFF5E:
      true
    default: false
    }
  }
}
