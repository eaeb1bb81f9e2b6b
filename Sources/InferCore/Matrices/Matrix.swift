/// A weight matrix `[rows × columns]`, row-major in a `WeightFormat`, usually inside a mapped file.
///
/// Rows of it can be looked up, it can be quantised, and a `PackedMatrix` can be made of it, which products read.
/// Copying a matrix copies no weights.
@safe package struct Matrix: Sendable {
  /// The format of the weights.
  package let format: WeightFormat
  /// The number of rows.
  package let rows: Int
  /// The number of columns.
  package let columns: Int
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

  /// A matrix of 32-bit floats, in memory of its own.
  ///
  /// - Precondition: `values.count == rows * columns`.
  package init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let owner = unsafe values.withUnsafeBytes { unsafe OwnedBytes(copying: $0) }
    unsafe self.init(format: .f32, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// A matrix in memory that `owner` keeps alive; in a copy of that memory where its numbers are not aligned, as in
  /// files without padding behind the header.
  init(format: WeightFormat, rows: Int, columns: Int, mapped: UnsafeRawBufferPointer, owner: any AnyObject & Sendable) {
    let alignment = min(4, format.blockBytes & -format.blockBytes)
    if let base = mapped.baseAddress, Int(bitPattern: base) % alignment == 0 {
      unsafe self.init(format: format, rows: rows, columns: columns, base: base, owner: owner)
    } else {
      let copy = unsafe OwnedBytes(copying: mapped)
      unsafe self.init(format: format, rows: rows, columns: columns, base: copy.base, owner: copy)
    }
  }

  /// The number of bytes of a row.
  package var rowBytes: Int { format.bytes(columns) }

  /// The number of bytes of all rows.
  package var byteCount: Int { rows * rowBytes }

  /// The number of weights.
  package var count: Int { rows * columns }

  /// Some of the rows, in place.
  package func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "rows \(range) of \(rows)")
    return unsafe Matrix(
      format: format, rows: range.count, columns: columns, base: base + range.lowerBound * rowBytes, owner: owner)
  }

  /// The transpose, in memory of its own. Quantised weights become 32-bit floats, because their blocks cannot be
  /// transposed.
  func transposed() -> Matrix {
    guard !format.isQuantized else {
      return Matrix(rows: rows, columns: columns, values: floats()).transposed()
    }
    let copy = unsafe OwnedBytes(byteCount: byteCount) { target in
      if format.blockBytes == 2 {
        unsafe transpose(into: target.assumingMemoryBound(to: UInt16.self))
      } else {
        unsafe transpose(into: target.assumingMemoryBound(to: UInt32.self))
      }
    }
    return unsafe Matrix(format: format, rows: columns, columns: rows, base: copy.base, owner: copy)
  }

  private func transpose<Element: BitwiseCopyable>(into out: UnsafeMutablePointer<Element>) {
    for row in 0..<rows {
      let values = unsafe self.row(row).assumingMemoryBound(to: Element.self)
      for column in 0..<columns { unsafe out[column * rows + row] = values[column] }
    }
  }

  /// The given ranges of rows, one after another, and of them some columns: one range of whole rows in place, others in
  /// memory of their own.
  ///
  /// - Precondition: the columns are whole blocks of the format.
  func part(_ ranges: [Range<Int>], _ range: Range<Int>) -> Matrix {
    let shape = shape(ranges.reduce(0) { $0 + $1.count }, range)
    if ranges.count == 1, range == 0..<columns { return rows(ranges[0]) }
    let bytes = shape.rowBytes
    let copy = unsafe OwnedBytes(byteCount: shape.byteCount) { target in
      var next = unsafe target
      for row in ranges.joined() {
        unsafe next.copyMemory(from: self.row(row) + format.bytes(range.lowerBound), byteCount: bytes)
        unsafe next += bytes
      }
    }
    return unsafe Matrix(format: format, rows: shape.rows, columns: range.count, base: copy.base, owner: copy)
  }

  /// A matrix of the shape of a part, of numbers without meaning.
  func shape(_ rows: Int, _ range: Range<Int>) -> Matrix {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= columns && rows <= self.rows, "columns \(range) of \(columns)")
    precondition(
      range == 0..<columns || range.lowerBound % format.blockElements == 0 && range.count % format.blockElements == 0,
      "columns \(range) in blocks of \(format.blockElements)")
    return unsafe Matrix(format: format, rows: rows, columns: range.count, base: base, owner: owner)
  }

  /// The first byte of a row.
  func row(_ index: Int) -> UnsafeRawPointer {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    return unsafe base + index * rowBytes
  }

  /// All weights as floats, row-major. O(count); for small tensors and for inspection.
  package func floats() -> [Float] {
    unsafe [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      unsafe format.unpack(buffer.baseAddress, base, count)
      initialized = count
    }
  }
}
