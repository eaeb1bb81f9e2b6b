internal import CKernels

extension Matrix {
  /// A matrix of floats rounded to a format, in memory of its own.
  ///
  /// - Precondition: `values.count == rows * columns`, rows are whole blocks of the format, and that is writable.
  package init(format: WeightFormat, rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    guard let quantize = unsafe format.quantize else { preconditionFailure("\(format.name) is read only") }
    let owner = unsafe OwnedBytes(byteCount: rows * format.bytes(columns)) { target in
      unsafe values.withUnsafeBufferPointer { unsafe quantize(target, $0.baseAddress, values.count) }
    }
    unsafe self.init(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// The weights in another format, in memory of their own; the matrix itself if it has that format. The team's threads
  /// work on a few rows at a time.
  ///
  /// - Parameters:
  ///   - name: the tensor's name, for errors.
  ///   - importance: the importance of columns; of several matrices, each has as many rows. `nil` where all count alike.
  ///   - team: the threads.
  ///   - isCancelled: a closure that says whether to leave off, asked before every few rows.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the weights are quantised already, or when some are no finite
  ///   numbers or beyond the format's range; ``ModelError/cancelled``.
  /// - Precondition: rows are whole blocks of the format.
  package func quantized(
    to format: WeightFormat, name: String, importance: ColumnImportance? = nil, team: ThreadTeam,
    isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> Matrix {
    guard format != self.format else { return self }
    let conversion = try FormatConversion(
      from: self.format, to: format, columns: columns, of: name, importance: importance, workers: team.count)
    let rowsOfEach = max(1, rows / max(1, importance?.count ?? 1))
    // Pieces of 128 KiB of floats.
    let piece = max(1, (1 << 15) / max(columns, 1))
    let owner = try unsafe OwnedBytes(byteCount: rows * format.bytes(columns)) { target throws(ModelError) in
      try unsafe team.forEach((rows + piece - 1) / piece, unless: isCancelled) { item, worker in
        for row in item * piece..<min(rows, (item + 1) * piece) {
          unsafe conversion.convert(
            self.row(row), place: row / rowsOfEach, into: target + row * format.bytes(columns), worker: worker)
        }
      }
    }
    try conversion.checkAllFinite()
    return unsafe Matrix(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// The number of weights that are NaN or infinite. O(count).
  func nonFiniteCount() -> Int {
    // A piece at a time, so that the largest embedding needs no more memory than the smallest norm.
    let piece = 1 << 16
    var values = [Float](repeating: 0, count: min(count, piece))
    var result = 0
    for start in stride(from: 0, to: count, by: piece) {
      let length = min(piece, count - start)
      unsafe values.withUnsafeMutableBufferPointer { buffer in
        unsafe format.unpack(buffer.baseAddress, base + format.bytes(start), length)
        result += unsafe ck_count_nonfinite(buffer.baseAddress, length)
      }
    }
    return result
  }
}
