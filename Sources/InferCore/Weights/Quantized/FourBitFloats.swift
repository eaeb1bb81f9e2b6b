/// A matrix of numbers in E2M1, two a byte in their order, the first in the lower half, with a scale in E4M3 for 16 columns.
///
/// Without a factor of the whole matrix it becomes NVFP4, to the bit, and with one FP4, whose scales are halves of both; F16 where
/// rows are no whole blocks.
struct FourBitFloats: Sendable {
  /// Numbers that scales are multiplied with, or divided by.
  struct Factor: Sendable {
    /// One number, or one for each of several matrices.
    let tensor: Tensor
    let isDivisor: Bool
  }

  private static let groupSize = 16
  private let codes: Tensor
  private let scales: Tensor
  private let factors: [Factor]
  /// The rows of one of several matrices that stand below each other.
  private let rowsOfOne: Int
  private let rows: Int
  private let columns: Int

  /// A matrix of its parts.
  ///
  /// - Parameters:
  ///   - codes: bytes, `[rows × columns / 2]`.
  ///   - scales: `[rows × columns / 16]`.
  ///   - factors: the factors of scales; none for scales as they are.
  ///   - matrices: the number of matrices of as many rows that the rows are, one behind another.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when they are no such.
  init(_ codes: Tensor, _ scales: Tensor, factors: [Factor], matrices: Int = 1) throws(ModelError) {
    guard codes.type == "U8", codes.shape.count == 2, codes.shape[1] % (Self.groupSize / 2) == 0,
      case .file = codes.source
    else {
      throw .tensor(
        name: codes.name,
        reason: "is \(codes.shape) in \(codes.type), expected rows of \(Self.groupSize / 2) bytes for each scale, in U8"
      )
    }
    (rows, columns) = (codes.shape[0], 2 * codes.shape[1])
    try scales.expect(["F8_E4M3", "U8"], [[rows, columns / Self.groupSize]], "the scales of \(codes.name)")
    for factor in factors {
      try factor.tensor.expect(
        ["F32"], [[], [1]] + (matrices > 1 ? [[matrices]] : []), "a factor of the scales of \(codes.name)")
    }
    precondition(matrices > 0 && rows % matrices == 0, "\(rows) rows of \(matrices) matrices")
    rowsOfOne = max(1, rows / matrices)
    self.codes = codes
    self.scales = scales
    self.factors = factors
  }

  /// The matrix.
  func tensor(_ name: String) -> Tensor {
    // Blocks have four scales.
    let wanted: WeightFormat = factors.isEmpty ? .nvfp4 : .fp4
    let format = columns % wanted.blockElements == 0 ? wanted : .f16
    let derivation = unsafe Derivation(rows: rows, of: [codes, scales] + factors.map(\.tensor)) {
      range, parts, target in
      var broken = 0
      for row in range {
        let out = unsafe target + (row - range.lowerBound) * format.bytes(columns)
        broken +=
          format == .f16
          ? unsafe writeHalves(row, parts, to: out)
          : unsafe factors.isEmpty ? writeBlocks(row, parts, to: out) : writeScaled(row, parts, to: out)
      }
      return broken
    }
    return Tensor(
      name: name, type: format.name, shape: [rows, columns], byteCount: rows * format.bytes(columns),
      source: .derived(derivation))
  }

  private static let values = (0..<16).map { Float(e2m1: UInt8($0)) }

  private func writeHalves(_ row: Int, _ parts: [UnsafeRawPointer], to out: UnsafeMutableRawPointer) -> Int {
    var broken = 0
    let values = Self.values
    let codes = unsafe parts[0] + row * columns / 2
    for group in 0..<columns / Self.groupSize {
      let scale = unsafe self.scale(row, group, parts)
      for column in group * Self.groupSize..<(group + 1) * Self.groupSize {
        let byte = unsafe codes.load(fromByteOffset: column / 2, as: UInt8.self)
        let half = Float16(scale * values[Int(byte >> (column % 2 * 4) & 15)])
        if !half.isFinite { broken += 1 }
        unsafe out.storeBytes(of: half.bitPattern, toByteOffset: 2 * column, as: UInt16.self)
      }
    }
    return broken
  }

  private func scale(_ row: Int, _ group: Int, _ parts: [UnsafeRawPointer]) -> Float {
    var scale = unsafe ScaleType.e4m3.load(parts[1], row * (columns / Self.groupSize) + group)
    for (index, factor) in factors.enumerated() {
      let number = unsafe ScaleType.f32.load(parts[2 + index], factor.tensor.count == 1 ? 0 : row / rowsOfOne)
      scale = factor.isDivisor ? scale / number : scale * number
    }
    return scale
  }

  /// Scales are before the codes of two groups, and those are doubled.
  private func writeScaled(_ row: Int, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer) -> Int {
    var broken = 0
    let format = WeightFormat.fp4
    let codes = unsafe parts[0] + row * columns / 2
    for group in 0..<columns / Self.groupSize {
      let block = unsafe target + group / 2 * format.blockBytes
      let scale = unsafe Float16(self.scale(row, group, parts) / 2)
      if !scale.isFinite { broken += 1 }
      unsafe block.storeBytes(of: scale.bitPattern, toByteOffset: group % 2 * 2, as: UInt16.self)
      unsafe Self.writeCodes(codes + group * 8, to: block + 4 + group % 2 * 8)
    }
    return broken
  }

  /// Writes the codes of a group: of each byte the lower half is one of the first eight, the upper one of the last.
  private static func writeCodes(_ from: UnsafeRawPointer, to target: UnsafeMutableRawPointer) {
    for index in 0..<8 {
      let low = unsafe from.load(fromByteOffset: index / 2, as: UInt8.self)
      let high = unsafe from.load(fromByteOffset: 4 + index / 2, as: UInt8.self)
      let shift = UInt8(index % 2 * 4)
      unsafe target.storeBytes(
        of: low >> shift & 15 | (high >> shift & 15) << 4, toByteOffset: index, as: UInt8.self)
    }
  }

  /// Scales are before the codes of four groups, whose first halves are in the lower halves of bytes.
  private func writeBlocks(_ row: Int, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer) -> Int {
    var broken = 0
    let format = WeightFormat.nvfp4
    let groups = columns / Self.groupSize
    let (codes, scales) = unsafe (parts[0] + row * columns / 2, parts[1] + row * groups)
    for group in 0..<groups {
      let block = unsafe target + group / 4 * format.blockBytes
      let scale = unsafe scales.load(fromByteOffset: group, as: UInt8.self)
      // The format has no sign and takes what is no number for zero.
      if scale >= 127 { broken += 1 }
      unsafe block.storeBytes(of: scale, toByteOffset: group % 4, as: UInt8.self)
      unsafe Self.writeCodes(codes + group * 8, to: block + 4 + group % 4 * 8)
    }
    return broken
  }
}

extension Tensor {
  /// The same bytes as such, in place.
  var asBytes: Tensor {
    let width = count == 0 ? 1 : byteCount / count
    return Tensor(
      name: name, type: "U8", shape: shape.dropLast() + [(shape.last ?? 1) * width], byteCount: byteCount,
      source: source)
  }

  /// A matrix in MXFP4, of bytes of two codes in their order, `[rows × columns / 2]`, and of exponents, `[rows × columns / 32]`.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when they are no such.
  static func microscaled(_ name: String, pairs codes: Tensor, scales: Tensor) throws(ModelError) -> Tensor {
    let bytes = WeightFormat.mxfp4.blockElements / 2
    guard codes.type == "U8", codes.shape.count == 2, codes.shape[1] % bytes == 0 else {
      throw .tensor(
        name: codes.name,
        reason: "is \(codes.shape) in \(codes.type), expected rows of \(bytes) bytes for each scale, in U8")
    }
    let (rows, blocks) = (codes.shape[0], codes.shape[1] / bytes)
    try scales.expect(["U8", "F8_E8M0"], [[rows, blocks]], "the scales of \(codes.name)")
    return try microscaled(
      name, blocks: codes.renamed(codes.name, shape: [rows, blocks, bytes]), scales: scales.asBytes)
  }
}
