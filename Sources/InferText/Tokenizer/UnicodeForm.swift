import Foundation

extension Normalizer {
  /// Unicode's normalization forms (UAX 15).
  enum Form: String, Sendable { case nfc = "NFC", nfd = "NFD", nfkc = "NFKC", nfkd = "NFKD" }
}

extension Normalizer.Form {
  /// Foundation moves the rest of a text for every character that changes its length, so that it gets no more at once.
  private static let chunkSize = 256

  /// `text` in this form. Cut where nothing depends on what precedes, and mapped only where something may change, which
  /// is seldom and much cheaper to tell than to map.
  /// - Complexity: O(n log n), for a text that is all combining marks; else O(n).
  func apply(to text: [UInt8]) -> [UInt8] {
    if text.allSatisfy({ $0 < 0x80 }) { return text }
    var output: [UInt8] = []
    output.reserveCapacity(text.count)
    var start = 0
    var position = 0
    var isUnchanged = true
    for scalar in String(decoding: text, as: UTF8.self).unicodeScalars {
      if position - start >= Self.chunkSize, isBoundary(before: scalar) {
        append(text[start..<position], to: &output, isUnchanged: isUnchanged)
        start = position
        isUnchanged = true
      }
      isUnchanged = isUnchanged && (self == .nfc ? scalar.isUnchangedByComposition : scalar.isASCII)
      position += UTF8.width(scalar)
    }
    append(text[start...], to: &output, isUnchanged: isUnchanged)
    return output
  }

  private func append(_ chunk: ArraySlice<UInt8>, to output: inout [UInt8], isUnchanged: Bool) {
    if isUnchanged { return output.append(contentsOf: chunk) }
    let string = String(decoding: chunk, as: UTF8.self)
    let mapped =
      switch self {
      case .nfc: string.precomposedStringWithCanonicalMapping
      case .nfd: string.decomposedStringWithCanonicalMapping
      case .nfkc: string.precomposedStringWithCompatibilityMapping
      case .nfkd: string.decomposedStringWithCompatibilityMapping
      }
    output.append(contentsOf: mapped.utf8)
  }

  /// Whether what becomes of `scalar` and what follows does not depend on what precedes. Characters whose compatibility
  /// mappings combine with what precedes are no boundaries.
  private func isBoundary(before scalar: Unicode.Scalar) -> Bool {
    if scalar.isUnchangedByComposition { return true }
    guard self == .nfc || self == .nfd else { return false }
    return scalar.properties.canonicalCombiningClass == .notReordered && !scalar.combinesWithPrevious
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

  /// Whether it is a starter that may combine with what precedes it: `NFC_Quick_Check=Maybe` of a combining class of 0
  /// (Unicode, `DerivedNormalizationProps.txt`).
  fileprivate var combinesWithPrevious: Bool {
    switch value {
    case 0x9BE, 0x9D7, 0xB3E, 0xB56...0xB57, 0xBBE, 0xBD7, 0xCC2, 0xCD5...0xCD6, 0xD3E, 0xD57, 0xDCF, 0xDDF, 0x102E,
      0x1160...0x11FF, 0x1B35, 0x11127, 0x1133E, 0x11357, 0x113B8...0x113C9, 0x114B0, 0x114BA, 0x114BD, 0x115AF,
      0x11930,
      0x1611E...0x16120, 0x16D63...0x16D6A:
      true
    default: false
    }
  }
}
