internal import InferText

/// Weights in E4M3, with a scale for all of a matrix, for a row, or for a block: `NAME`, and `NAME_scale` or
/// `NAME_scale_inv`, which are multiplied with, whatever they are called.
///
/// They stay what they are where a scale is of whole pieces of 64 columns. Otherwise weights become BF16: exactly so where scales
/// are powers of two, else the nearest, as transformers has it.
package struct Float8Layout: QuantizedLayout {
  /// Rows and columns of a block; `nil` where matrices or rows have a scale each.
  let block: (rows: Int, columns: Int)?

  /// A layout.
  ///
  /// - Precondition: blocks have rows and columns.
  package init(block: (rows: Int, columns: Int)?) {
    if let block { precondition(block.rows > 0 && block.columns > 0, "\(block)") }
    self.block = block
  }

  private static let ends = ["_scale_inv", "_scale"]

  package func stem(of tensor: Tensor) -> String? { tensor.type == "F8_E4M3" ? tensor.name : nil }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let codes = try parts.need("", "weights in F8_E4M3")
    var found: Tensor?
    for end in Self.ends where found == nil { found = parts.find(end) }
    guard let scales = found else {
      throw .tensor(
        name: codes.name + Self.ends[0],
        reason: "is missing, and \(codes.name + Self.ends[1]) as well, expected the scales of \(codes.name)")
    }
    return [try Self.weight(codes, scales, block: block)]
  }

  /// The matrix, or the stack, of its codes and scales.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when they are no such.
  static func weight(
    _ codes: Tensor, _ scales: Tensor, block: (rows: Int, columns: Int)?
  ) throws(ModelError) -> Tensor { try Float8Weights(codes, scales, block: block).tensor }
}

/// A matrix in E4M3, or a stack of them, and the geometry of its scales.
private struct Float8Weights: Sendable {
  private let codes: Tensor
  private let scales: Tensor
  private let scaleType: ScaleType
  /// Rows of one matrix of a stack.
  private let rows: Int
  private let columns: Int
  /// Rows and columns that share a scale.
  private let block: (rows: Int, columns: Int)
  /// Scales of a matrix from top to bottom, and from left to right.
  private let scaleRows: Int
  private let scaleColumns: Int

  init(_ codes: Tensor, _ scales: Tensor, block: (rows: Int, columns: Int)?) throws(ModelError) {
    guard codes.shape.count >= 2, let columns = codes.shape.last, case .file = codes.source else {
      throw .tensor(name: codes.name, reason: "has shape \(codes.shape) in \(codes.type), expected a matrix")
    }
    self.codes = codes
    self.scales = scales
    self.columns = columns
    rows = codes.shape[codes.shape.count - 2]
    let stack = Array(codes.shape.dropLast(2))
    var shapes = stack.isEmpty ? [[], [1]] : [stack, stack + [1], stack + [1, 1]]
    let channels = stack + [rows, 1]
    shapes += [channels, stack + [rows]]
    var blocks: [Int]?
    if let block {
      blocks = stack + [(rows - 1) / block.rows + 1, (columns - 1) / block.columns + 1]
      shapes = [blocks ?? []]
    }
    // Exponents have a type of their own in newer files alone.
    let types = ScaleType.numbers.map(\.rawValue) + [ScaleType.e8m0.rawValue, "U8"]
    try scales.expect(types, shapes, "the scales of \(codes.name)")
    scaleType = ScaleType(rawValue: scales.type) ?? .e8m0
    if let block, let blocks {
      self.block = block
      (scaleRows, scaleColumns) = (blocks[blocks.count - 2], blocks[blocks.count - 1])
    } else if scales.count == stack.reduce(1, *) {
      self.block = (max(rows, 1), max(columns, 1))
      (scaleRows, scaleColumns) = (1, 1)
    } else {
      self.block = (1, max(columns, 1))
      (scaleRows, scaleColumns) = (rows, 1)
    }
  }

  /// The matrix.
  var tensor: Tensor {
    let count = codes.shape.dropLast().reduce(1, *)
    let piece = WeightFormat.fp8.blockElements
    let isWhole = columns % piece == 0 && (block.columns % piece == 0 || block.columns >= columns)
    let format: WeightFormat = isWhole ? .fp8 : .bf16
    let derivation = unsafe Derivation(rows: count, of: [codes, scales]) { range, parts, target in
      unsafe isWhole ? copy(range, parts, to: target) : write(range, parts, to: target)
    }
    return Tensor(
      name: codes.name, type: format.name, shape: codes.shape, byteCount: count * format.bytes(columns),
      source: .derived(derivation))
  }

  /// Writes rows in FP8.
  private func copy(
    _ range: Range<Int>, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer
  ) -> Int {
    var broken = 0
    let format = WeightFormat.fp8
    var out = unsafe target
    for index in range {
      let (matrix, row) = index.quotientAndRemainder(dividingBy: rows)
      let first = (matrix * scaleRows + row / block.rows) * scaleColumns
      for column in stride(from: 0, to: columns, by: format.blockElements) {
        let scale = unsafe scaleType.load(parts[1], first + column / block.columns)
        if !scale.isFinite { broken += 1 }
        unsafe out.storeBytes(of: scale.bitPattern, as: UInt32.self)
        let codes = unsafe UnsafeRawBufferPointer(
          start: parts[0] + index * columns + column, count: format.blockElements)
        // Those that are no numbers in files would be some in the format.
        for index in 0..<format.blockElements where unsafe codes[index] & 127 == 127 { broken += 1 }
        unsafe (out + 4).copyMemory(from: parts[0] + index * columns + column, byteCount: format.blockElements)
        unsafe out += format.blockBytes
      }
    }
    return broken
  }

  private static let values = (0..<256).map { Float(e4m3: UInt8($0)) }

  private func write(
    _ range: Range<Int>, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer
  ) -> Int {
    var broken = 0
    let values = Self.values
    for index in range {
      let (matrix, row) = index.quotientAndRemainder(dividingBy: rows)
      let first = (matrix * scaleRows + row / block.rows) * scaleColumns
      let codes = unsafe parts[0] + index * columns
      let out = unsafe target + (index - range.lowerBound) * columns * 2
      for number in 0..<scaleColumns {
        let scale = unsafe scaleType.load(parts[1], first + number)
        for column in number * block.columns..<min(columns, (number + 1) * block.columns) {
          let value = scale * values[Int(unsafe codes.load(fromByteOffset: column, as: UInt8.self))]
          let bits = value.bf16Bits
          if bits & 0x7F80 == 0x7F80 { broken += 1 }
          unsafe out.storeBytes(of: bits, toByteOffset: 2 * column, as: UInt16.self)
        }
      }
    }
    return broken
  }
}
