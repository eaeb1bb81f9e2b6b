internal import InferText

// The form before GGUF, little-endian: the number of tensors; of each its name behind its length, the number of pieces of
// text, the number of values, and these; behind all of them the number of pieces and the text's name, in files since 2024.
// Values are means times the number of pieces, one list for all matrices of a stack behind each other.
extension ImportanceMatrix {
  /// The number of bytes of a name at most.
  private static let longestName = 1 << 10

  init(legacy file: MappedFile) throws(ModelError) {
    self.init()
    var cursor = LegacyCursor(file)
    cursor.place = "the number of tensors"
    let count = try cursor.integer()
    guard 1...(1 << 20) ~= count else {
      throw cursor.wrong("\(count), expected an importance matrix: a GGUF file, or llama-imatrix's older form")
    }
    for index in 0..<count {
      cursor.place = "tensor \(index)"
      let name = try cursor.text(1...Self.longestName)
      cursor.place = "tensor \(name.prefix(80))"
      let pieces = try cursor.integer()
      guard pieces >= 0 else { throw cursor.wrong("\(pieces) pieces of text") }
      let values = try cursor.floats(cursor.integer())
      try Self.check(values, name)
      let entry = Entry(sums: [values], counts: [Float(max(pieces, 1))])
      guard entries.updateValue(entry, forKey: name) == nil else { throw cursor.wrong("is there twice") }
    }
    guard !cursor.isAtEnd else { return }
    cursor.place = "the number of pieces"
    chunkCount = max(0, try cursor.integer())
    guard !cursor.isAtEnd else { return }
    cursor.place = "the text's name"
    datasets = [try cursor.text(0...Int(Int16.max))].filter { !$0.isEmpty }
  }
}

/// A place in a file of the older form.
private struct LegacyCursor {
  private let file: MappedFile
  private var offset = 0
  var place = ""

  init(_ file: MappedFile) { self.file = file }

  var isAtEnd: Bool { offset == file.byteCount }

  func wrong(_ reason: String) -> ModelError { .malformed(at: file.url, reason: "\(place): \(reason)") }

  private mutating func take(_ count: Int) throws(ModelError) -> [UInt8] {
    guard count <= file.byteCount - offset else {
      throw wrong("\(count) bytes, of which \(file.byteCount - offset) are left: truncated")
    }
    defer { offset += count }
    return file.copyBytes(offset..<offset + count)
  }

  mutating func integer() throws(ModelError) -> Int { Int([Int32](littleEndianBytes: try take(4)[...])[0]) }

  mutating func text(_ range: ClosedRange<Int>) throws(ModelError) -> String {
    let length = try integer()
    guard range ~= length else {
      throw wrong("a name of \(length) bytes, expected \(range.lowerBound) to \(range.upperBound)")
    }
    guard let text = String(validating: try take(length), as: UTF8.self) else { throw wrong("its name is not UTF-8") }
    return text
  }

  mutating func floats(_ count: Int) throws(ModelError) -> [Float] {
    guard count > 0 else { throw wrong("\(count) values, expected 1 or more") }
    return [UInt32](littleEndianBytes: try take(4 * count)[...]).map { Float(bitPattern: $0) }
  }
}
