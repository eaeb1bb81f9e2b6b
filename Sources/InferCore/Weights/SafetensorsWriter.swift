package import Foundation
internal import InferText

/// Writes a safetensors file of f32 matrices, row by row in any order.
///
/// The file grows under another name and gets its own when it is complete, so that a file of that name is always
/// whole. When the writer goes away before, so does what it has written.
package final class SafetensorsWriter {
  /// A matrix of the file.
  package struct Tensor: Sendable {
    /// Its name.
    package let name: String
    /// Its number of rows.
    package let rows: Int
    /// Its number of columns.
    package let columns: Int

    /// Describes a matrix.
    package init(name: String, rows: Int, columns: Int) {
      self.name = name
      self.rows = rows
      self.columns = columns
    }
  }

  private let file: PartialFile
  private let tensors: [Tensor]
  /// The place of each tensor's first byte in the file.
  private let offsets: [UInt64]

  /// Creates the file with room for `tensors`, in that order.
  ///
  /// - Throws: ``WriteError`` when it cannot be written, or when something other than a file has its name.
  package init(at url: URL, tensors: [Tensor]) throws(WriteError) {
    self.tensors = tensors
    let header = Self.header(tensors)
    var offset = UInt64(header.count)
    var offsets: [UInt64] = []
    for tensor in tensors {
      offsets.append(offset)
      offset += UInt64(tensor.rows * tensor.columns * 4)
    }
    self.offsets = offsets
    file = try PartialFile(at: url, beginningWith: header)
    try file.resize(to: offset)
  }

  /// Writes consecutive rows of a tensor.
  ///
  /// - Throws: ``WriteError`` when the disk is full or gone.
  package func write(_ rows: Rows, to tensor: Int, firstRow: Int) throws(WriteError) {
    let shape = tensors[tensor]
    precondition(
      rows.columns == shape.columns && firstRow >= 0 && firstRow + rows.count <= shape.rows,
      "\(rows.count) rows of \(rows.columns) at \(firstRow) in \(shape.rows) rows of \(shape.columns)")
    let offset = offsets[tensor] + UInt64(firstRow * shape.columns * 4)
    for row in 0..<rows.count {
      // Little-endian, as the format wants and as every machine is that this runs on.
      let bytes = unsafe rows[row].withUnsafeBytes { unsafe Data($0) }
      try file.write(bytes, at: row == 0 ? offset : nil)
    }
  }

  /// Completes the file and gives it its name.
  ///
  /// - Throws: ``WriteError`` when that fails.
  package func finish() throws(WriteError) { try file.finish() }

  /// The header: its length as 8 bytes, then JSON, padded with spaces so that data begin on 8 bytes.
  private static func header(_ tensors: [Tensor]) -> Data {
    var members: [(String, JSONValue)] = []
    var offset = 0
    for tensor in tensors {
      let end = offset + tensor.rows * tensor.columns * 4
      members.append(
        (
          tensor.name,
          [
            "dtype": "F32", "shape": [.integer(tensor.rows), .integer(tensor.columns)],
            "data_offsets": [.integer(offset), .integer(end)],
          ]
        ))
      offset = end
    }
    var json = Array(JSONValue.object(.init(uniqueKeysWithValues: members)).serialized().utf8)
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) }
    return Data(length + json)
  }
}
