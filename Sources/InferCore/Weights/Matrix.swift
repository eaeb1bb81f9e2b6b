/// A weight matrix `[rows × columns]`, row-major in some ``WeightFormat``, usually inside a mapped file.
///
/// A linear layer multiplies by its transpose: `rows` is what comes out, `columns` what goes in. Copying a
/// matrix copies no weights.
@safe public struct Matrix: Sendable {
  /// Element format.
  public let format: WeightFormat
  /// Number of rows: the width of a linear layer's output.
  public let rows: Int
  /// Number of columns: the width of its input.
  public let columns: Int
  // Safe because the memory is never written after loading and `owner` keeps it alive.
  nonisolated(unsafe) let base: UnsafeRawPointer
  private let owner: any AnyObject & Sendable

  init(format: WeightFormat, rows: Int, columns: Int, base: UnsafeRawPointer, owner: any AnyObject & Sendable) {
    self.format = format
    self.rows = rows
    self.columns = columns
    unsafe self.base = unsafe base
    self.owner = owner
  }

  /// A matrix of its own memory, of 32-bit floats.
  ///
  /// - Precondition: `values.count == rows * columns`.
  public init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let owner = OwnedFloats(values)
    unsafe self.init(format: .f32, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// Bytes of a row.
  var rowBytes: Int { format.bytes(columns) }

  /// Bytes of all rows.
  public var byteCount: Int { rows * rowBytes }

  /// Number of weights.
  public var count: Int { rows * columns }

  /// Some of the rows, in place.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return unsafe Matrix(
      format: format, rows: range.count, columns: columns, base: base + range.lowerBound * rowBytes, owner: owner)
  }

  /// The first byte of a row.
  func row(_ index: Int) -> UnsafeRawPointer {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    return unsafe base + index * rowBytes
  }

  /// All weights as floats, row-major. O(count); for small tensors and for inspection.
  public func floats() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe format.unpack(buffer.baseAddress, base, count)
      initialized = count
    }
  }
}

/// Floats that live as long as the matrices that view them.
@safe private final class OwnedFloats: Sendable {
  // Safe because it is written in `init` only.
  nonisolated(unsafe) let base: UnsafeRawPointer

  init(_ values: [Float]) {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(1, values.count * 4), alignment: AlignedBuffer.alignment)
    unsafe values.withUnsafeBytes { bytes in
      if let source = bytes.baseAddress { unsafe memory.copyMemory(from: source, byteCount: bytes.count) }
    }
    unsafe base = UnsafeRawPointer(memory)
  }

  deinit { unsafe base.deallocate() }
}
