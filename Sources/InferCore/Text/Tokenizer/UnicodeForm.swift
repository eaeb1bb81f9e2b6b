import Foundation

extension Normalizer {
  /// Unicode's normalization forms (UAX 15).
  enum Form: String, Sendable { case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD" }
}

extension Normalizer.Form {
  /// `text` in this form.
  func apply(to text: [UInt8]) -> [UInt8] {
    if text.allSatisfy({ $0 < 0x80 }) { return text }
    return self == .nfc ? Self.compose(text) : Array(map(String(decoding: text, as: UTF8.self)).utf8)
  }

  private func map(_ string: String) -> String {
    switch self {
    case .nfc: string.precomposedStringWithCanonicalMapping
    case .nfd: string.decomposedStringWithCanonicalMapping
    case .nfkc: string.precomposedStringWithCompatibilityMapping
    case .nfkd: string.decomposedStringWithCompatibilityMapping
    }
  }

  /// Composes only what may change, because nearly all text is composed already, and telling so is much cheaper. A run
  /// that may change begins with the character before it, with which it may combine.
  private static func compose(_ text: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    var copied = 0
    var previous = 0
    var run: Int?
    var position = 0
    func finish(_ start: Int, _ end: Int) {
      output += text[copied..<start]
      output += Array(String(decoding: text[start..<end], as: UTF8.self).precomposedStringWithCanonicalMapping.utf8)
      copied = end
    }
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      if scalar.isUnchangedByComposition {
        if let start = run { finish(start, position) }
        run = nil
        previous = position
      } else if run == nil {
        run = previous
      }
      position += UTF8.width(scalar)
    }
    if let start = run { finish(start, position) }
    return copied == 0 ? text : output + text[copied...]
  }
}

extension Unicode.Scalar {
  /// Whether it lies in a block of starters that neither change under NFC nor combine with what precedes them. (Not all
  /// such blocks.)
  fileprivate var isUnchangedByComposition: Bool {
    switch value {
    case ..<0x300, 0x388...0x482, 0x48A...0x52F, 0x5D0...0x5EA, 0x621...0x64A, 0xE01...0xE30, 0x2010...0x2027,
      0x2190...0x2328, 0x2400...0x2ADB, 0x3001...0x3029, 0x3041...0x3096, 0x30A1...0x30FA, 0x3400...0x4DBF,
      0x4E00...0x9FFF, 0xAC00...0xD7A3, 0xFF01...0xFF5E, 0x1F000...0x1FAFF, 0x20000...0x2A6DF:
      true
    default: false
    }
  }
}
