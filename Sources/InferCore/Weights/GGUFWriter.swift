package import Foundation

/// Writes a GGUF file of version 3, tensor by tensor in the order they were announced in.
///
/// The file grows under another name and gets its own when it is complete, so that a file of that name is always
/// whole. A writer that goes away before removes the file.
package final class GGUFWriter {
  /// A tensor of the file.
  package struct Tensor: Sendable {
    /// Its name.
    package let name: String
    /// Its sizes, slowest first.
    package let shape: [Int]
    /// The format of its elements.
    package let format: WeightFormat

    /// Describes a tensor.
    ///
    /// - Precondition: rows are whole blocks of the format.
    package init(name: String, shape: [Int], format: WeightFormat) {
      precondition((shape.last ?? 1) % format.blockElements == 0, "\(name): rows of \(shape) in \(format.name)")
      self.name = name
      self.shape = shape
      self.format = format
    }

    /// Bytes that it takes.
    package var byteCount: Int { format.bytes(shape.reduce(1, *)) }
  }

  private let file: PartialFile
  private let tensors: [Tensor]
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
    let head = Self.head(metadata, tensors)
    do { file = try PartialFile(at: url, beginningWith: head) } catch { throw .unwritable(error) }
  }

  /// Writes the next tensor, or the next part of it.
  ///
  /// - Precondition: the matrix has the tensor's format, and no more elements than are left of it.
  /// - Throws: ``ModelError/unwritable(_:)`` when the disk is full or gone.
  package func write(_ matrix: Matrix) throws(ModelError) {
    precondition(next < tensors.count, "more than the \(tensors.count) tensors of the file")
    let tensor = tensors[next]
    precondition(
      matrix.format == tensor.format && bytesDone + matrix.byteCount <= tensor.byteCount,
      "\(matrix.byteCount) bytes of \(matrix.format.name) behind \(bytesDone) of \(tensor.name)")
    bytesDone += matrix.byteCount
    // Only read while it is written, and `matrix` outlives that.
    let source = unsafe UnsafeMutableRawPointer(mutating: matrix.base)
    do {
      try file.write(unsafe Data(bytesNoCopy: source, count: matrix.byteCount, deallocator: .none))
      guard bytesDone == tensor.byteCount else { return }
      try file.write(Data(count: Self.padding(behind: bytesDone)))
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
  private static func padding(behind count: Int) -> Int {
    (GGUF.defaultAlignment - count % GGUF.defaultAlignment) % GGUF.defaultAlignment
  }

  private static func head(_ metadata: [(key: String, value: GGUFValue)], _ tensors: [Tensor]) -> Data {
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
      head.append(tensor.format.typeID)
      head.append(UInt64(offset))
      offset += tensor.byteCount + padding(behind: tensor.byteCount)
    }
    head.data.append(Data(count: padding(behind: head.data.count)))
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
