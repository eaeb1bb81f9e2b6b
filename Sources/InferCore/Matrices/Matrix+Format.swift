internal import CKernels
internal import Synchronization

extension Matrix {
  /// A matrix of floats rounded to a format, in memory of its own.
  ///
  /// - Precondition: `values.count == rows * columns`, and rows are whole blocks of the format.
  package init(format: WeightFormat, rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) × \(columns)")
    let owner = unsafe OwnedBytes(byteCount: rows * format.bytes(columns)) { target in
      unsafe values.withUnsafeBufferPointer { unsafe format.quantize(target, $0.baseAddress, values.count) }
    }
    unsafe self.init(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// The weights in another format, in memory of their own; the matrix itself if it has that format. The team's threads
  /// work on a few rows at a time.
  ///
  /// - Parameters:
  ///   - name: the tensor's name, for errors.
  ///   - team: the threads.
  ///   - isCancelled: a closure that says whether to leave off, asked before every few rows.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the weights are quantised already, or when some are no finite
  ///   numbers or beyond the format's range; ``ModelError/cancelled``.
  /// - Precondition: rows are whole blocks of the format.
  func quantized(
    to format: WeightFormat, name: String, team: ThreadTeam, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> Matrix {
    guard format != self.format else { return self }
    guard !self.format.isQuantized else {
      throw .tensor(
        name: name, reason: "is \(self.format.name) already; quantising to \(format.name) needs F32, F16 or BF16")
    }
    // Pieces of 128 KiB of floats: they and what becomes of them stay in the second-level cache.
    let piece = max(1, (1 << 15) / max(columns, 1))
    let broken = Atomic(0)
    var floats = [Float](repeating: 0, count: team.count * piece * columns)
    let owner = try unsafe OwnedBytes(byteCount: rows * format.bytes(columns)) { target throws(ModelError) in
      try unsafe floats.withUnsafeMutableBufferPointer { floats throws(ModelError) in
        guard let scratch = floats.baseAddress else { return }
        try unsafe team.forEach((rows + piece - 1) / piece, unless: isCancelled) { item, worker in
          let range = item * piece..<min(rows, (item + 1) * piece)
          let count = unsafe convert(range, to: format, target, scratch: scratch + worker * piece * columns)
          if count > 0 { broken.wrappingAdd(count, ordering: .relaxed) }
        }
      }
    }
    let count = broken.load(ordering: .relaxed)
    guard count == 0 else {
      throw .tensor(name: name, reason: "\(count) numbers are NaN, infinite or beyond the range of \(format.name)")
    }
    return unsafe Matrix(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
  }

  /// Writes rows in another format, and returns the number of weights that are not finite in it.
  private func convert(
    _ range: Range<Int>, to format: WeightFormat, _ target: UnsafeMutableRawPointer,
    scratch: UnsafeMutablePointer<Float>
  ) -> Int {
    let count = range.count * columns
    let out = unsafe target + range.lowerBound * format.bytes(columns)
    unsafe self.format.unpack(scratch, row(range.lowerBound), count)
    unsafe format.quantize(out, scratch, count)
    // Numbers that overflow 16 bits become infinite there.
    if !format.isQuantized { unsafe format.unpack(scratch, out, count) }
    return unsafe ck_count_nonfinite(scratch, count)
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
