/// A read-only view of `count` rows of `columns` floats, `stride` floats apart.
///
/// Kernels read activations, logits and slices of fused projections as rows. A view does not own its memory and cannot
/// outlive it; slicing is O(1) and keeps the stride.
@safe public struct Rows: ~Escapable {
  let base: UnsafePointer<Float>
  /// The number of rows.
  public let count: Int
  /// The number of floats in a row.
  public let columns: Int
  /// The number of floats from the start of one row to the start of the next.
  public let stride: Int

  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    base: UnsafePointer<Float>, count: Int, columns: Int, stride: Int, borrowing owner: borrowing Owner
  ) {
    precondition(columns <= stride || count <= 1, "rows of \(columns) floats overlap at stride \(stride)")
    unsafe self.base = unsafe base
    self.count = count
    self.columns = columns
    self.stride = stride
  }

  @_lifetime(copy other)
  private init(base: UnsafePointer<Float>, count: Int, columns: Int, copying other: Rows) {
    unsafe self.base = unsafe base
    self.count = count
    self.columns = columns
    self.stride = other.stride
  }

  /// The given columns of every row.
  @_lifetime(copy self)
  public func columns(_ range: Range<Int>) -> Rows {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return unsafe Rows(base: base + range.lowerBound, count: count, columns: range.count, copying: self)
  }

  /// The given rows, all columns.
  @_lifetime(copy self)
  public func rows(_ range: Range<Int>) -> Rows {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count)")
    return unsafe Rows(base: base + range.lowerBound * stride, count: range.count, columns: columns, copying: self)
  }

  /// One row.
  public subscript(row: Int) -> Span<Float> {
    @_lifetime(copy self)
    get {
      precondition(row >= 0 && row < count, "row \(row) of \(count)")
      let span = unsafe Span(_unsafeStart: base + row * stride, count: columns)
      return unsafe _overrideLifetime(span, copying: self)
    }
  }
}

/// A writable view of `count` rows of `columns` floats, `stride` floats apart. See ``Rows``.
@safe public struct MutableRows: ~Escapable, ~Copyable {
  let base: UnsafeMutablePointer<Float>
  /// The number of rows.
  public let count: Int
  /// The number of floats in a row.
  public let columns: Int
  /// The number of floats from the start of one row to the start of the next.
  public let stride: Int

  @_lifetime(borrow owner)
  init<Owner: ~Copyable & ~Escapable>(
    base: UnsafeMutablePointer<Float>, count: Int, columns: Int, stride: Int, borrowing owner: borrowing Owner
  ) {
    precondition(columns <= stride || count <= 1, "rows of \(columns) floats overlap at stride \(stride)")
    unsafe self.base = unsafe base
    self.count = count
    self.columns = columns
    self.stride = stride
  }

  @_lifetime(&other)
  private init(base: UnsafeMutablePointer<Float>, count: Int, columns: Int, mutating other: inout MutableRows) {
    unsafe self.base = unsafe base
    self.count = count
    self.columns = columns
    self.stride = other.stride
  }

  /// A read-only view of these rows.
  public var rows: Rows {
    @_lifetime(borrow self)
    borrowing get {
      unsafe Rows(base: UnsafePointer(base), count: count, columns: columns, stride: stride, borrowing: self)
    }
  }

  /// A read-only view in place of this one, valid as long.
  @_lifetime(copy self)
  consuming func sealed() -> Rows {
    let rows = unsafe Rows(base: UnsafePointer(base), count: count, columns: columns, stride: stride, borrowing: self)
    return unsafe _overrideLifetime(rows, copying: self)
  }

  /// The given columns of every row, writable.
  @_lifetime(&self)
  public mutating func columns(_ range: Range<Int>) -> MutableRows {
    precondition(range.lowerBound >= 0 && range.upperBound <= columns, "columns \(range) of \(columns)")
    return unsafe MutableRows(base: base + range.lowerBound, count: count, columns: range.count, mutating: &self)
  }

  /// The given rows, all columns, writable.
  @_lifetime(&self)
  public mutating func rows(_ range: Range<Int>) -> MutableRows {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "rows \(range) of \(count)")
    return unsafe MutableRows(
      base: base + range.lowerBound * stride, count: range.count, columns: columns, mutating: &self)
  }

  /// One row, writable.
  @_lifetime(&self)
  public mutating func row(_ row: Int) -> MutableSpan<Float> {
    precondition(row >= 0 && row < count, "row \(row) of \(count)")
    let span = unsafe MutableSpan(_unsafeStart: base + row * stride, count: columns)
    return unsafe _overrideLifetime(span, mutating: &self)
  }
}
