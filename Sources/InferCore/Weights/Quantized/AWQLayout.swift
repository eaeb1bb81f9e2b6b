internal import InferText

/// Weights of four bits as AutoAWQ stores them for its `gemm` kernels: `NAME.qweight`, `[columns × rows / 8]`, `NAME.qzeros`,
/// `[groups × rows / 8]`, with eight rows mixed in a word, and `NAME.scales`, `[groups × rows]`.
///
/// They become Q5_0, exactly.
package struct AWQLayout: QuantizedLayout {
  /// Columns that share a scale; `nil` for all of a row.
  let groupSize: Int?

  /// A layout.
  ///
  /// - Precondition: groups have columns.
  package init(groupSize: Int?) {
    precondition(groupSize ?? 1 > 0, "groups of \(groupSize ?? 0)")
    self.groupSize = groupSize
  }

  package func stem(of tensor: Tensor) -> String? { tensor.name.removing(exactSuffix: "qweight") }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let codes = try parts.need("qweight", "packed codes")
    guard codes.type == "I32", codes.shape.count == 2 else {
      throw .tensor(
        name: codes.name, reason: "is \(codes.shape) in \(codes.type), expected [columns, rows / 8] in I32")
    }
    let (columns, words) = (codes.shape[0], codes.shape[1])
    let size = min(groupSize ?? columns, max(columns, 1))
    let groups = (columns + size - 1) / size
    let scales = try parts.need("scales", "the scales of \(codes.name)")
    try scales.expect(ScaleType.numbers.map(\.rawValue), [[groups, 8 * words]], "the scales of \(codes.name)")
    let zeros = try parts.need("qzeros", "the zeros of \(codes.name)")
    try zeros.expect(["I32"], [[groups, words]], "the zeros of \(codes.name)")
    let matrix = GroupedCodes(
      rows: 8 * words, columns: columns, bits: 4, order: .mixed,
      scales: .init(type: ScaleType(rawValue: scales.type) ?? .f16, rowStep: 1, groupStep: 8 * words), zeros: .mixed,
      groupSize: size)
    return [try matrix.tensor(parts.stem + "weight", [codes, scales, zeros])]
  }
}
