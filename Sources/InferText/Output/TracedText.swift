/// Text of which is known which token every byte came from.
package struct TracedText: Equatable {
  package var text = ""
  /// The number of a token for each byte of the text's UTF-8.
  package var sources: [Int] = []

  /// No text.
  init() {}

  /// The text of bytes. What is no UTF-8 becomes U+FFFD, which comes from where its first byte came from.
  init(decoding bytes: ArraySlice<UInt8>, sources: ArraySlice<Int>) {
    if let valid = String(validating: bytes, as: UTF8.self) {
      (text, self.sources) = (valid, Array(sources))
      return
    }
    var parser = Unicode.UTF8.ForwardParser()
    var rest = bytes.makeIterator()
    var position = sources.startIndex
    while true {
      switch parser.parseScalar(from: &rest) {
      case .valid(let encoded):
        text.unicodeScalars.append(UTF8.decode(encoded))
        self.sources += sources[position..<position + encoded.count]
        position += encoded.count
      case .error(let length):
        text.unicodeScalars.append("\u{FFFD}")
        self.sources += repeatElement(sources[position], count: Self.replacementLength)
        position += length
      case .emptyInput: return
      }
    }
  }

  /// Bytes of U+FFFD.
  private static let replacementLength = 3
}
