internal import CKernels

extension Tensor {
  /// Elements that are NaN or infinite; 0 for element types that are no weights. O(``count``).
  public func nonFiniteCount() -> Int {
    guard let matrix = try? matrix() else { return 0 }
    // A piece at a time, so that the largest embedding needs no more memory than the smallest norm.
    let piece = 1 << 16
    var values = [Float](repeating: 0, count: min(count, piece))
    var result = 0
    for start in stride(from: 0, to: count, by: piece) {
      let length = min(piece, count - start)
      unsafe values.withUnsafeMutableBufferPointer { buffer in
        unsafe matrix.format.unpack(buffer.baseAddress, matrix.base + matrix.format.bytes(start), length)
        result += unsafe ck_count_nonfinite(buffer.baseAddress, length)
      }
    }
    return result
  }
}
