internal import InferText

/// Weights as compressed-tensors stores them: in each module by the scheme of its group of modules.
package struct CompressedLayout: QuantizedLayout {
  /// How the weights of some modules are stored.
  package enum Scheme: Sendable, Equatable {
    /// Integers in `NAME.weight_packed`, or a byte each in `NAME.weight`; groups of columns, `nil` for all of a row, share a
    /// scale.
    case integers(bits: Int, groupSize: Int?, isSymmetric: Bool)
    /// Numbers in E4M3, with scales of blocks, or of rows or matrices.
    case float8(blockRows: Int, blockColumns: Int)
    /// The same with scales of rows or matrices.
    case float8Rows
    /// Numbers in E2M1 with scales in E4M3 for 16, which are divided by one for all.
    case nvfp4
    /// Numbers in E2M1 with powers of two for 32.
    case mxfp4
  }

  /// The scheme of a module, by its name.
  private let scheme: @Sendable (_ module: String) -> Scheme?

  /// A layout.
  ///
  /// - Parameter scheme: the scheme of a module, by its name; `nil` for modules of none.
  package init(_ scheme: @escaping @Sendable (_ module: String) -> Scheme?) { self.scheme = scheme }

  package func stem(of tensor: Tensor) -> String? {
    if let stem = tensor.name.removing(exactSuffix: ".weight_packed") { return stem }
    return ["I8", "F8_E4M3"].contains(tensor.type) ? tensor.name.removing(exactSuffix: ".weight") : nil
  }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let packed = parts.find(".weight_packed")
    let codes = if let packed { packed } else { try parts.need(".weight", "quantised weights") }
    guard let scheme = scheme(parts.stem) else {
      throw .tensor(name: codes.name, reason: "is quantised, and no group of config_groups is of its module")
    }
    switch scheme {
    case .integers(let bits, let groupSize, let isSymmetric):
      return [try integers(codes, &parts, bits: bits, groupSize: groupSize, isSymmetric: isSymmetric)]
    case .float8, .float8Rows:
      guard codes.type == "F8_E4M3" else { throw Self.unexpected(codes, "weights in F8_E4M3") }
      let scales = try parts.need(".weight_scale", "the scales of \(codes.name)")
      var block: (rows: Int, columns: Int)?
      if case .float8(let rows, let columns) = scheme { block = (rows, columns) }
      return [try Float8Layout.weight(codes, scales, block: block)]
    case .nvfp4:
      let scales = try parts.need(".weight_scale", "the scales of \(codes.name)")
      let factor = try parts.need(".weight_global_scale", "what the scales of \(codes.name) are divided by")
      let numbers = try FourBitFloats(codes, scales, factors: [.init(tensor: factor, isDivisor: true)])
      return [numbers.tensor(parts.stem + ".weight")]
    case .mxfp4:
      let scales = try parts.need(".weight_scale", "the scales of \(codes.name)")
      return [try Tensor.microscaled(parts.stem + ".weight", pairs: codes, scales: scales)]
    }
  }

  private static func unexpected(_ codes: Tensor, _ expected: String) -> ModelError {
    .tensor(name: codes.name, reason: "is \(codes.shape) in \(codes.type), expected \(expected), as config_groups says")
  }

  private func integers(
    _ codes: Tensor, _ parts: inout QuantizedParts, bits: Int, groupSize: Int?, isSymmetric: Bool
  ) throws(ModelError) -> Tensor {
    let isPacked = codes.type == "I32" && codes.name.hasExactSuffix("_packed")
    guard isPacked || codes.type == "I8", codes.shape.count == 2 else {
      throw Self.unexpected(codes, "integers of \(bits) bits, packed in I32 or as I8")
    }
    let rows = codes.shape[0]
    var columns = codes.shape[1]
    if isPacked {
      let shape = try parts.need(".weight_shape", "the shape of \(codes.name)")
      columns = try shape.size(at: 1, of: 2)
      guard try shape.size(at: 0, of: 2) == rows, codes.shape[1] == (columns * bits + 31) / 32 else {
        throw .tensor(
          name: codes.name,
          reason: "has shape \(codes.shape), expected rows of \(columns) codes of \(bits) bits, as \(shape.name) says")
      }
    }
    let size = min(groupSize ?? columns, max(columns, 1))
    let groups = (columns + size - 1) / size
    let scales = try parts.need(".weight_scale", "the scales of \(codes.name)")
    var shapes = [[rows, groups]]
    if groups == 1 { shapes += [[rows], [1], []] }
    try scales.expect(ScaleType.numbers.map(\.rawValue), shapes, "the scales of \(codes.name)")
    let hasRows = scales.count > 1 || rows == 1
    var tensors = [codes, scales]
    var zeros = GroupedCodes.Zeros.same(isPacked ? 1 << (bits - 1) : 0)
    if isSymmetric {
      // Symmetric weights may have zeros all the same, which are zero.
      _ = parts.find(".weight_zero_point")
    } else {
      let stored = try parts.need(".weight_zero_point", "the zeros of \(codes.name)")
      if isPacked {
        try stored.expect(["I32"], [[(rows * bits + 31) / 32, groups]], "the zeros of \(codes.name)")
      } else {
        try stored.expect(
          ["I8"], hasRows ? [[rows, groups], [rows * groups]] : [[1], []], "the zeros of \(codes.name)")
      }
      zeros = isPacked ? .alongColumns : .bytes(rowStep: hasRows ? groups : 0)
      tensors.append(stored)
    }
    let order = try GPTQLayout.order(
      parts.find(".weight_g_idx"), columns: columns, groups: groups, size: size)
    if let order { tensors.append(order) }
    let matrix = GroupedCodes(
      rows: rows, columns: columns, bits: bits, order: isPacked ? .alongRows : .bytes,
      scales: .init(
        type: ScaleType(rawValue: scales.type) ?? .bf16, rowStep: hasRows ? groups : 0, groupStep: 1),
      zeros: zeros, groupSize: size, hasOrder: order != nil)
    return try matrix.tensor(parts.stem + ".weight", tensors)
  }
}

extension Tensor {
  /// One of `count` sizes that the tensor holds.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when it holds no such sizes.
  fileprivate func size(at index: Int, of count: Int) throws(ModelError) -> Int {
    guard shape == [count], ["I32", "I64"].contains(type), case .file(let file, let offset) = source else {
      throw .tensor(name: name, reason: "is \(shape) in \(type), expected \(count) sizes in I64 or I32")
    }
    let width = byteCount / count
    let bytes = file.copyBytes(offset + index * width..<offset + (index + 1) * width)
    let value = UInt64(littleEndianBytes: bytes)
    guard value <= 1 << 20 else {
      throw .tensor(name: name, reason: "holds a size of \(value), expected at most \(1 << 20)")
    }
    return Int(value)
  }
}
