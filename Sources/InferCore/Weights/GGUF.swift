package import Foundation
package import InferText

/// A GGUF file, versions 2 and 3: metadata by key, and tensors, both behind a header.
///
/// Everything a hostile file could lie about is checked while it is opened, so that whoever holds a `Tensor` may
/// touch all its bytes. Format: ggml's `docs/gguf.md`.
package struct GGUF: Sendable {
  /// Bytes between starts of tensors where the file says nothing else.
  static let defaultAlignment = 32
  /// The key of another number.
  static let alignmentKey = "general.alignment"
  /// Whether a file begins with the format's magic bytes.
  package static func isOne(_ file: MappedFile) -> Bool { file.byteCount >= 4 && file.copyBytes(0..<4) == magic }
  static let magic = Array("GGUF".utf8)
  /// Whether a file begins with the magic bytes of a format before this one: numbers, whose first byte is the last.
  package static func isOlder(_ file: MappedFile) -> Bool {
    let magics = ["ggml", "ggmf", "ggjt", "ggla"].map { Array($0.utf8.reversed()) }
    return file.byteCount >= 4 && magics.contains(file.copyBytes(0..<4))
  }

  /// The file, or the first of its parts.
  package let url: URL
  /// Metadata by key.
  package let metadata: TextDictionary<GGUFValue>
  /// Tensors, in order of their data. Sizes are slowest first, as everywhere here; the file has them reversed.
  package let tensors: [Tensor]

  /// Combines the metadata and tensors of one file or of several parts.
  init(at url: URL, metadata: TextDictionary<GGUFValue>, tensors: [Tensor]) {
    self.url = url
    self.metadata = metadata
    self.tensors = tensors
  }

  /// Reads the head of a mapped file.
  ///
  /// - Throws: ``ModelError`` that names the file, and the key or tensor where there is one.
  package init(_ file: MappedFile) throws(ModelError) {
    url = file.url
    var cursor = GGUFCursor(file)
    guard Self.isOne(file) else { throw cursor.wrong("does not begin with \"GGUF\"") }
    _ = try cursor.take(4)
    let version = try cursor.integer(UInt32.self)
    guard version & 0xffff != 0 else {
      throw cursor.wrong(
        "version \(version) in this byte order: a big-endian file, expected a little-endian one, which gguf-py's "
          + "gguf_convert_endian makes of it")
    }
    guard version != 1 else {
      throw cursor.wrong(
        "version 1, of August 2023, is not supported; expected 2 or 3, in which models are published since")
    }
    guard 2...3 ~= version else { throw cursor.wrong("version \(version), expected 2 or 3") }
    // A tensor takes at least its name's length, a number of sizes, a type and an offset; a value a key and a type.
    let tensorCount = try cursor.count(ofAtLeast: 24)
    let valueCount = try cursor.count(ofAtLeast: 13)
    metadata = try Self.metadata(&cursor, count: valueCount)
    tensors = try Self.tensors(&cursor, count: tensorCount, alignment: Self.alignment(metadata, cursor))
  }

  private static func metadata(_ cursor: inout GGUFCursor, count: Int) throws(ModelError) -> TextDictionary<GGUFValue> {
    var metadata: TextDictionary<GGUFValue> = [:]
    for index in 0..<count {
      cursor.place = "metadata \(index)"
      let key = try cursor.string()
      cursor.place = "metadata \(key.prefix(80))"
      let value = try cursor.value(cursor.kind())
      guard metadata.updateValue(value, forKey: key) == nil else { throw cursor.wrong("is there twice") }
    }
    return metadata
  }

  private static func alignment(_ metadata: TextDictionary<GGUFValue>, _ cursor: GGUFCursor) throws(ModelError) -> Int {
    guard let value = metadata[alignmentKey] else { return defaultAlignment }
    guard let alignment = value.count, 8...(1 << 16) ~= alignment, alignment & (alignment - 1) == 0 else {
      let what = value.count.map { String($0) } ?? value.kind
      throw .malformed(
        at: cursor.file.url, reason: "metadata \(alignmentKey): \(what), expected a power of two from 8 to 65536")
    }
    return alignment
  }
}
