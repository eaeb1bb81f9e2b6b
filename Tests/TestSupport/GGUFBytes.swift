/// Bytes of GGUF files, good and broken ones, put together field by field.
public struct GGUFBytes {
  /// What is written so far.
  public private(set) var bytes: [UInt8]

  /// The first fields of a file.
  public init(magic: String = "GGUF", version: UInt32 = 3, tensors: UInt64, values: UInt64) {
    bytes = Array(magic.utf8)
    append(version)
    append(tensors)
    append(values)
  }

  /// Appends an integer.
  public mutating func append(_ value: some FixedWidthInteger) {
    for index in 0..<value.bitWidth / 8 { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  /// Appends a text behind its length, which may be a lie.
  public mutating func append(_ text: String, length: UInt64? = nil) {
    append(length ?? UInt64(text.utf8.count))
    bytes += Array(text.utf8)
  }

  /// Appends bytes as they are.
  public mutating func append(raw: [UInt8]) { bytes += raw }

  /// Appends a key and the kind of the value that has to follow.
  public mutating func append(key: String, kind: UInt32) {
    append(key)
    append(kind)
  }

  /// Appends a tensor's description; sizes fastest first, as the file has them.
  public mutating func append(tensor name: String, sizes: [UInt64], type: UInt32 = 0, offset: UInt64 = 0) {
    append(name)
    append(UInt32(sizes.count))
    for size in sizes { append(size) }
    append(type)
    append(offset)
  }

  /// Appends zeros up to a multiple of `alignment`, and data behind them.
  public mutating func append(data: [UInt8], alignment: Int = 32) {
    while bytes.count % alignment != 0 { bytes.append(0) }
    bytes += data
  }
}
