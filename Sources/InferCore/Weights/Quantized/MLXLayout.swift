package import InferText

/// Weights as MLX stores them: `NAME.weight`, words of codes, with `NAME.scales` and `NAME.biases` of groups of columns, `scale ·
/// code + bias`, or with scales alone for numbers in E2M1 and E4M3. Experts are stacks, `switch_mlp.NAME`.
///
/// Codes of up to four bits become Q4_1 and those of five Q5_1; others become F16. MXFP4 and NVFP4 stay what they are, to the
/// bit, and MXFP8 becomes BF16.
package struct MLXLayout: QuantizedLayout {
  /// How some modules are quantised.
  package struct Scheme: Sendable {
    /// The kinds of numbers.
    package enum Mode: String, Sendable, CaseIterable {
      case affine, mxfp4, nvfp4, mxfp8
    }

    let mode: Mode
    let bits: Int
    let groupSize: Int

    /// A scheme.
    ///
    /// - Precondition: codes have bits that are known, and groups columns.
    package init(mode: Mode, bits: Int, groupSize: Int) {
      precondition(Self.knownBits.contains(bits) && groupSize > 0, "\(bits) bits in groups of \(groupSize)")
      self.mode = mode
      self.bits = bits
      self.groupSize = groupSize
    }

    /// The bits that codes may have.
    package static let knownBits = [2, 3, 4, 5, 6, 8]
  }

  private let scheme: Scheme
  /// The schemes of modules that have one of their own.
  private let others: TextDictionary<Scheme>

  /// A layout.
  ///
  /// - Parameters:
  ///   - scheme: the scheme of most modules.
  ///   - others: the schemes of modules that have one of their own, by their names.
  package init(_ scheme: Scheme, others: TextDictionary<Scheme> = [:]) {
    self.scheme = scheme
    self.others = others
  }

  package func stem(of tensor: Tensor) -> String? { tensor.name.removing(exactSuffix: ".scales") }

  /// Convolutions have their taps before their one channel.
  package func plain(_ tensor: Tensor) -> Tensor {
    guard tensor.shape.count == 3, tensor.shape[2] == 1 else { return tensor }
    return tensor.renamed(tensor.name, shape: [tensor.shape[0], 1, tensor.shape[1]])
  }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let scheme = others[parts.stem] ?? scheme
    let codes = try parts.need(".weight", "codes of \(scheme.bits) bits")
    let scales = try parts.need(".scales", "the scales of \(codes.name)")
    let biases = scheme.mode == .affine ? try parts.need(".biases", "the offsets of \(codes.name)") : nil
    let stack = codes.shape.count == 3 ? codes.shape[0] : nil
    guard codes.type == "U32", codes.shape.count == 2 || stack != nil else {
      throw .tensor(
        name: codes.name, reason: "is \(codes.shape) in \(codes.type), expected a matrix of words, or a stack, in U32")
    }
    for other in [scales, biases].compactMap({ $0 }) where other.shape.count != codes.shape.count {
      throw .tensor(name: other.name, reason: "has shape \(other.shape), expected as many sizes as \(codes.name)")
    }
    guard let stack else { return [try matrix(codes.name, codes, scales, biases, scheme)] }
    guard scales.shape[0] == stack, biases.map({ $0.shape[0] == stack }) ?? true else {
      throw .tensor(
        name: scales.name, reason: "has shape \(scales.shape), expected \(stack) matrices, as \(codes.name)")
    }
    var matrices: [Tensor] = []
    for index in 0..<stack {
      func part(_ tensor: Tensor) throws(ModelError) -> Tensor {
        let slice = try tensor.slices(index..<index + 1, name: tensor.name)
        return slice.renamed(tensor.name, shape: Array(tensor.shape.dropFirst()))
      }
      matrices.append(
        try matrix(
          Self.name(of: index, in: codes.name), part(codes), part(scales),
          biases.map { bias throws(ModelError) in try part(bias) },
          scheme))
    }
    return matrices
  }

  /// The name of an expert's matrix: experts have numbers where stacks are called `switch_mlp`.
  private static func name(of index: Int, in name: String) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    let place = parts.lastIndex { String($0).isExactly("switch_mlp") }
    guard let place else { return "\(name).\(index)" }
    return (parts[..<place] + ["experts", Substring(String(index))] + parts[(place + 1)...]).joined(separator: ".")
  }

  private func matrix(
    _ name: String, _ codes: Tensor, _ scales: Tensor, _ biases: Tensor?, _ scheme: Scheme
  ) throws(ModelError) -> Tensor {
    switch scheme.mode {
    case .mxfp4: return try Tensor.microscaled(name, pairs: codes.asBytes, scales: scales)
    case .nvfp4: return try FourBitFloats(codes.asBytes, scales, factors: []).tensor(name)
    case .mxfp8:
      let numbers = codes.asBytes.typed("F8_E4M3")
      return try Float8Layout.weight(numbers, scales, block: (1, scheme.groupSize)).renamed(name)
    case .affine: break
    }
    let (rows, bits) = (codes.shape[0], scheme.bits)
    guard codes.shape[1] * 32 % bits == 0 else {
      throw .tensor(name: codes.name, reason: "has rows of \(codes.shape[1]) words, which are no codes of \(bits) bits")
    }
    let columns = codes.shape[1] * 32 / bits
    guard columns % scheme.groupSize == 0 else {
      throw .tensor(
        name: codes.name, reason: "has \(columns) columns, expected whole groups of \(scheme.groupSize)")
    }
    let groups = columns / scheme.groupSize
    try scales.expect(ScaleType.numbers.map(\.rawValue), [[rows, groups]], "the scales of \(codes.name)")
    var tensors = [codes, scales]
    var zeros = GroupedCodes.Zeros.same(0)
    if let biases {
      try biases.expect(ScaleType.numbers.map(\.rawValue), [[rows, groups]], "the offsets of \(codes.name)")
      zeros = .offsets(ScaleType(rawValue: biases.type) ?? .f16)
      tensors.append(biases)
    }
    let matrix = GroupedCodes(
      rows: rows, columns: columns, bits: bits, order: .alongRows,
      scales: .init(type: ScaleType(rawValue: scales.type) ?? .f16, rowStep: groups, groupStep: 1), zeros: zeros,
      groupSize: scheme.groupSize)
    return try matrix.tensor(name, tensors)
  }
}

extension Tensor {
  /// The same bytes as numbers of another type of as many.
  fileprivate func typed(_ type: String) -> Tensor {
    Tensor(name: name, type: type, shape: shape, byteCount: byteCount, source: source)
  }
}
