package import Foundation

/// Writes a GGUF file of version 3, tensor by tensor in the order they were announced in.
///
/// The file grows under another name and gets its own when it is complete, so that a file of that name is always
/// whole. A writer that goes away before removes the file.
package final class GGUFWriter {
  private let file: PartialFile
  private let tensors: [Tensor]
  private let alignment: Int
  private var next = 0
  /// Bytes of the next tensor that are written already.
  private var bytesDone = 0

  /// Creates the file with its head.
  ///
  /// - Parameters:
  ///   - url: the file to write.
  ///   - metadata: keys and values. Numbers are written in 32 bits where they fit; lists hold values of one kind.
  ///   - tensors: the tensors that will be written, in this order.
  /// - Throws: ``ModelError/unwritable(_:)`` when it cannot be written, or when something other than a file has its name.
  package init(at url: URL, metadata: [(key: String, value: GGUFValue)], tensors: [Tensor]) throws(ModelError) {
    self.tensors = tensors
    var metadata = metadata
    alignment = tensors.contains { $0.panels != nil } ? PanelLayout.alignment : GGUF.defaultAlignment
    if alignment != GGUF.defaultAlignment { metadata.append((GGUF.alignmentKey, .unsigned(UInt64(alignment)))) }
    let head = Self.head(metadata, tensors, alignment)
    do { file = try PartialFile(at: url, beginningWith: head) } catch { throw .unwritable(error) }
  }

  /// Writes the next tensor, or the next part of it.
  ///
  /// - Precondition: the matrix has the tensor's format, and no more elements than are left of it.
  /// - Throws: ``ModelError/unwritable(_:)`` when the disk is full or gone.
  package func write(_ matrix: Matrix) throws(ModelError) {
    let tensor = tensor(toWrite: matrix.byteCount)
    precondition(tensor.panels == nil && matrix.format == tensor.format, "\(matrix.format.name) as \(tensor.name)")
    // Only read while it is written, and `matrix` outlives that.
    try unsafe write(UnsafeRawBufferPointer(start: matrix.base, count: matrix.byteCount))
  }

  /// Writes the panels of the next matrix of the next tensor.
  ///
  /// - Precondition: the tensor is one of panels as the instruction set has them, of the matrix's format and shape.
  /// - Throws: ``ModelError/unwritable(_:)`` when the disk is full or gone.
  package func write(_ matrix: PackedMatrix) throws(ModelError) {
    try withExtendedLifetime(matrix) { () throws(ModelError) in
      let bytes = unsafe matrix.panels.bytes
      let tensor = tensor(toWrite: bytes.count)
      precondition(
        tensor.panels == .own(matrix.format) && tensor.shape.suffix(2) == [matrix.rows, matrix.columns],
        "panels of \(matrix.rows) × \(matrix.columns) in \(matrix.format.name) as \(tensor.name)")
      try unsafe write(bytes)
    }
  }

  /// The next tensor, of which so many bytes are written next.
  private func tensor(toWrite byteCount: Int) -> Tensor {
    precondition(next < tensors.count, "more than the \(tensors.count) tensors of the file")
    let tensor = tensors[next]
    precondition(
      bytesDone + byteCount <= tensor.byteCount, "\(byteCount) bytes behind \(bytesDone) of \(tensor.name)")
    return tensor
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws(ModelError) {
    bytesDone += bytes.count
    let source = unsafe bytes.baseAddress.map { unsafe UnsafeMutableRawPointer(mutating: $0) }
    do {
      if let source = unsafe source {
        try file.write(unsafe Data(bytesNoCopy: source, count: bytes.count, deallocator: .none))
      }
      guard bytesDone == tensors[next].byteCount else { return }
      try file.write(Data(count: Self.padding(behind: bytesDone, alignment)))
    } catch { throw .unwritable(error) }
    next += 1
    bytesDone = 0
  }

  /// Completes the file and gives it its name.
  ///
  /// - Precondition: all tensors are written.
  /// - Throws: ``ModelError/unwritable(_:)`` when that fails.
  package func finish() throws(ModelError) {
    precondition(next == tensors.count, "\(next) of \(tensors.count) tensors are written")
    do { try file.finish() } catch { throw .unwritable(error) }
  }

  /// Zeros that follow some bytes up to the next aligned one.
  private static func padding(behind count: Int, _ alignment: Int) -> Int {
    (alignment - count % alignment) % alignment
  }

  private static func head(
    _ metadata: [(key: String, value: GGUFValue)], _ tensors: [Tensor], _ alignment: Int
  ) -> Data {
    var head = GGUFBytes()
    head.data.append(contentsOf: GGUF.magic)
    head.append(UInt32(3))
    head.append(UInt64(tensors.count))
    head.append(UInt64(metadata.count))
    for (key, value) in metadata {
      head.append(key)
      head.append(value)
    }
    var offset = 0
    for tensor in tensors {
      head.append(tensor.name)
      head.append(UInt32(tensor.shape.count))
      for size in tensor.shape.reversed() { head.append(UInt64(size)) }
      head.append(tensor.typeID)
      head.append(UInt64(offset))
      offset += tensor.byteCount + padding(behind: tensor.byteCount, alignment)
    }
    head.data.append(Data(count: padding(behind: head.data.count, alignment)))
    return head.data
  }
}

/// Bytes of the head of a GGUF file, little-endian.
private struct GGUFBytes {
  var data = Data()

  mutating func append(_ value: some FixedWidthInteger) {
    for index in 0..<value.bitWidth / 8 { data.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }

  mutating func append(_ text: String) {
    append(UInt64(text.utf8.count))
    data.append(contentsOf: text.utf8)
  }

  /// A value behind its kind.
  mutating func append(_ value: GGUFValue) {
    append(kind(of: value).rawValue)
    append(plain: value, kind(of: value))
  }

  /// The narrowest kind that is usual for a value.
  private func kind(of value: GGUFValue) -> GGUFCursor.Kind {
    switch value {
    case .unsigned(let value): UInt32(exactly: value) == nil ? .uint64 : .uint32
    case .signed(let value): Int32(exactly: value) == nil ? .int64 : .int32
    case .number: .float32
    case .bool: .bool
    case .string: .string
    case .array: .array
    }
  }

  private mutating func append(plain value: GGUFValue, _ kind: GGUFCursor.Kind) {
    switch value {
    case .unsigned(let value): if kind == .uint32 { append(UInt32(value)) } else { append(value) }
    case .signed(let value): if kind == .int32 { append(Int32(value)) } else { append(value) }
    case .number(let value): append(Float(value).bitPattern)
    case .bool(let value): append(UInt8(value ? 1 : 0))
    case .string(let text): append(text)
    case .array(let values):
      // One that does not fit makes all of them wide.
      let kinds = values.map { self.kind(of: $0) }
      let kind = kinds.max { $0.rawValue < $1.rawValue } ?? .uint32
      append(kind.rawValue)
      append(UInt64(values.count))
      for value in values { append(plain: value, kind) }
    }
  }
}
