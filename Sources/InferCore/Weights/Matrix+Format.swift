extension Matrix {
  /// A matrix of its own memory, of floats rounded to some format.
  ///
  /// - Precondition: `values.count == rows * columns`, and rows are whole blocks of the format.
  public init(format: WeightFormat, rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let owner = unsafe OwnedBytes(byteCount: rows * format.bytes(columns)) { target in
      unsafe values.withUnsafeBufferPointer { unsafe format.quantize(target, $0.baseAddress, values.count) }
    }
    unsafe self.init(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
  }
}
