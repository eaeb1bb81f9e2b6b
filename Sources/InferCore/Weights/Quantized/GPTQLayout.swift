internal import InferText

/// Weights as GPTQ's programs store them: `NAME.qweight`, `[columns · bits / 32 × rows]`, `NAME.qzeros`, `[groups × rows · bits /
/// 32]`, `NAME.scales`, `[groups × rows]`, and the group of each column in `NAME.g_idx`, where columns were quantised in
/// another order than they stand in ("act-order").
///
/// Codes of up to four bits become Q4_0 where the configuration says that all zeros are in the middle, and Q5_0 else, exactly;
/// those of eight become Q8_0, or F16. With an order of columns, all become F16.
package struct GPTQLayout: QuantizedLayout {
  let bits: Int
  /// Columns that share a scale; `nil` for all of a row.
  let groupSize: Int?
  /// Whether zeros are all in the middle of the codes.
  let isSymmetric: Bool
  /// Whether zeros are stored less one, as the first version of the format has them.
  let hasLesserZeros: Bool

  /// The bits that codes may have.
  package static let knownBits = [2, 3, 4, 8]

  /// A layout.
  ///
  /// - Precondition: the bits are known, and groups have columns.
  package init(bits: Int, groupSize: Int?, isSymmetric: Bool, hasLesserZeros: Bool) {
    precondition(Self.knownBits.contains(bits) && groupSize ?? 1 > 0, "\(bits) bits in groups of \(groupSize ?? 0)")
    self.bits = bits
    self.groupSize = groupSize
    self.isSymmetric = isSymmetric
    self.hasLesserZeros = hasLesserZeros
  }

  package func stem(of tensor: Tensor) -> String? { tensor.name.removing(exactSuffix: "qweight") }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let codes = try parts.need("qweight", "packed codes")
    guard codes.type == "I32", codes.shape.count == 2, codes.shape[0] % bits == 0 else {
      throw .tensor(
        name: codes.name,
        reason:
          "is \(codes.shape) in \(codes.type), expected [columns · \(bits) / 32, rows] in I32, codes of \(bits) bits")
    }
    let (columns, rows) = (codes.shape[0] / bits * 32, codes.shape[1])
    let size = min(groupSize ?? columns, max(columns, 1))
    let groups = (columns + size - 1) / size
    let scales = try parts.need("scales", "the scales of \(codes.name)")
    try scales.expect(ScaleType.numbers.map(\.rawValue), [[groups, rows]], "the scales of \(codes.name)")
    let zeros = try parts.need("qzeros", "the zeros of \(codes.name)")
    try zeros.expect(["I32"], [[groups, (rows * bits + 31) / 32]], "the zeros of \(codes.name)")
    let order = try Self.order(parts.find("g_idx"), columns: columns, groups: groups, size: size)
    let isCentred = isSymmetric ? try isCentred(zeros, rows: rows) : false
    let middle = 1 << (bits - 1)
    let matrix = GroupedCodes(
      rows: rows, columns: columns, bits: bits, order: .alongColumns,
      scales: .init(type: ScaleType(rawValue: scales.type) ?? .f16, rowStep: 1, groupStep: rows),
      zeros: isCentred ? .same(middle) : .alongRows(excess: hasLesserZeros ? 1 : 0), groupSize: size,
      hasOrder: order != nil)
    return [try matrix.tensor(parts.stem + "weight", [codes, scales, zeros] + (order.map { [$0] } ?? []))]
  }

  /// The tensor of the groups of columns; `nil` where there is none, or where these are one behind another.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when a column is of a group that is not there.
  static func order(
    _ tensor: Tensor?, columns: Int, groups: Int, size: Int
  ) throws(ModelError) -> Tensor? {
    guard let tensor else { return nil }
    try tensor.expect(["I32"], [[columns]], "the group of each column")
    var isOrdered = true
    for (column, group) in try tensor.integers().enumerated() {
      guard group >= 0 && Int(group) < groups else {
        throw .tensor(name: tensor.name, reason: "has group \(group) of column \(column), expected 0 ..< \(groups)")
      }
      isOrdered = isOrdered && Int(group) == column / size
    }
    return isOrdered ? nil : tensor
  }

  /// Whether zeros are in the middle, of which the configuration says so.
  private func isCentred(_ zeros: Tensor, rows: Int) throws(ModelError) -> Bool {
    let middle = 1 << (bits - 1) - (hasLesserZeros ? 1 : 0)
    // Words hold whole codes, but for three bits.
    guard bits != 3, rows * bits % 32 == 0 else { return false }
    var word: UInt32 = 0
    for place in 0..<32 / bits { word |= UInt32(middle) << (place * bits) }
    return try zeros.integers().allSatisfy { UInt32(bitPattern: $0) == word }
  }
}
