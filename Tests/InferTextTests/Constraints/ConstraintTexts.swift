import InferText

extension MaskVocabulary {
  /// Every byte by itself.
  static let bytes = MaskVocabulary(size: 256, (0..<256).map { (Int32($0), [UInt8($0)]) })
}

extension Constraint {
  /// `true` when a text is one of the constraint's, byte by byte, and the masks on the way say the same.
  func accepts(_ text: String) -> Bool {
    var cursor = makeCursor()
    for byte in text.utf8 {
      let isAllowed = cursor.mask().contains(Int32(byte))
      let isAccepted = cursor.accept([byte])
      precondition(isAllowed == isAccepted, "the mask says \(isAllowed) of \(byte) in \(text)")
      guard isAccepted else { return false }
    }
    return cursor.mayEnd
  }
}

/// A schema with texts that are valid against it and others that are not.
struct SchemaCase: CustomStringConvertible {
  let schema: String
  let valid: [String]
  let invalid: [String]

  init(_ schema: String, valid: [String] = [], invalid: [String] = []) {
    (self.schema, self.valid, self.invalid) = (schema, valid, invalid)
  }

  var description: String { schema }
}
