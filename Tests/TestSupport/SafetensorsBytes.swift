/// Bytes of safetensors files, good and broken ones.
public enum SafetensorsBytes {
  /// A tensor to be written.
  public struct Entry {
    var name: String
    var type: String
    var shape: [Int]
    var bytes: [UInt8]

    /// Numbers in one of the formats `F32`, `F16` and `BF16`.
    public init(_ name: String, _ shape: [Int], _ values: [Float], type: String = "F32") {
      self.name = name
      self.type = type
      self.shape = shape
      bytes = values.flatMap { value -> [UInt8] in
        switch type {
        case "F16": littleEndian(Float16(value).bitPattern)
        case "BF16": littleEndian(UInt16(value.bitPattern >> 16))
        default: littleEndian(value.bitPattern)
        }
      }
    }

    /// Bytes of any element type.
    public init(_ name: String, _ shape: [Int], type: String, bytes: [UInt8]) {
      self.name = name
      self.type = type
      self.shape = shape
      self.bytes = bytes
    }
  }

  /// A file with the given header, whatever it says, and data.
  ///
  /// - Parameter length: what the first eight bytes say, by default the truth.
  public static func file(header: String, data: [UInt8] = [], length: UInt64? = nil) -> [UInt8] {
    littleEndian(length ?? UInt64(header.utf8.count)) + Array(header.utf8) + data
  }

  /// A good file.
  ///
  /// - Parameters:
  ///   - padding: spaces behind the header, which move the data.
  ///   - metadata: a `__metadata__` member.
  public static func file(_ entries: [Entry], padding: Int = 0, metadata: String? = nil) -> [UInt8] {
    var members = metadata.map { ["\"__metadata__\": \($0)"] } ?? []
    var data: [UInt8] = []
    for entry in entries {
      let range = [data.count, data.count + entry.bytes.count]
      members.append(
        "\"\(entry.name)\": {\"dtype\": \"\(entry.type)\", \"shape\": \(entry.shape), \"data_offsets\": \(range)}")
      data += entry.bytes
    }
    // Members in another order than their data.
    let header = "{" + members.reversed().joined(separator: ", ") + "}" + String(repeating: " ", count: padding)
    return file(header: header, data: data)
  }
}

private func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
}
