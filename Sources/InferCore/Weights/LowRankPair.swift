/// What a low-rank adapter adds to a matrix `[rows × columns]`: `scale · B · A` (Hu et al. 2021, arXiv 2106.09685, eq.
/// 3).
package struct LowRankPair: Sendable {
  /// The number of rows of `A` and of columns of `B`.
  package let rank: Int
  /// The number of rows of `B`, and of the matrix.
  package let rows: Int
  /// The number of columns of `A`, and of the matrix.
  package let columns: Int
  /// `A`, `[rank × columns]`.
  let down: [Float]
  /// `scale · B`, `[rows × rank]`.
  let up: [Float]

  /// Reads the two matrices of a pair.
  ///
  /// - Parameters:
  ///   - a: `[rank × columns]`.
  ///   - b: `[rows × rank]`.
  ///   - scale: the factor of the product.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when ranks differ or are 0, or numbers are not finite.
  /// - Complexity: O(numbers).
  package init(_ a: Tensor, _ b: Tensor, scale: Float) throws(ModelError) {
    for tensor in [a, b] where tensor.shape.count != 2 {
      throw .tensor(name: tensor.name, reason: "has shape \(tensor.shape), expected 2 sizes")
    }
    rank = a.shape[0]
    guard rank > 0 else { throw .tensor(name: a.name, reason: "has shape \(a.shape), expected a rank of 1 or more") }
    guard b.shape[1] == rank else {
      throw .tensor(
        name: b.name, reason: "has shape \(b.shape), expected [rows, \(rank)], as \(a.name) is \(a.shape)")
    }
    rows = b.shape[0]
    columns = a.shape[1]
    down = try a.finiteFloats()
    up = try b.finiteFloats().map { $0 * scale }
    guard up.allSatisfy(\.isFinite) else {
      throw .tensor(name: b.name, reason: "is beyond the range of 32-bit floats when it is scaled by \(scale)")
    }
  }

  /// Adds all numbers to a hash.
  package func add(to hash: inout SHA256) {
    for values in [down, up] { hash.update(floats: values) }
  }
}

extension Tensor {
  fileprivate func finiteFloats() throws(ModelError) -> [Float] {
    let values = try floats()
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw .tensor(name: name, reason: "element \(index) is \(values[index]), expected finite numbers")
    }
    return values
  }

  /// The sum of this matrix and what an adapter adds to it, in F32.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when it is no matrix of numbers.
  /// - Precondition: it has the pair's rows and columns.
  package func adding(_ pair: LowRankPair) throws(ModelError) -> Tensor {
    guard format != nil else {
      throw .tensor(name: name, reason: "is \(type), expected a matrix that an adapter can be added to")
    }
    precondition(shape == [pair.rows, pair.columns], "\(shape) and \(pair.rows) × \(pair.columns)")
    let columns = pair.columns
    let derivation = unsafe Derivation(rows: pair.rows, ofMatrix: self) { rows, matrix, target in
      let sums = unsafe target.assumingMemoryBound(to: Float.self)
      for (index, row) in rows.enumerated() {
        let sum = unsafe UnsafeMutableBufferPointer(start: sums + index * columns, count: columns)
        _ = unsafe sum.update(fromContentsOf: matrix.rows(row..<row + 1).floats())
        unsafe pair.down.withUnsafeBufferPointer { down in
          for inner in 0..<pair.rank {
            let factor = pair.up[row * pair.rank + inner]
            let start = inner * columns
            for column in 0..<columns { unsafe sum[column] += factor * down[start + column] }
          }
        }
      }
      return 0
    }
    let result = WeightFormat.f32
    return Tensor(
      name: name, type: result.name, shape: shape, byteCount: pair.rows * result.bytes(columns),
      source: .derived(derivation))
  }
}
