internal import InferText

/// Weights with scales of few columns each: in E4M3 with a power of two for 32 columns (MXFP8), `NAME.weight` and
/// `NAME.weight_scale_inv` or `NAME.weight_scale`; and stacks of experts as Inkling 2 has them, `NAME_weight`, `[experts × rows ×
/// columns]`, and `NAME_weight_scale`, in MXFP8 or in E2M1 with scales in E4M3 for 16 columns, which are multiplied with
/// `NAME_weight_amax` and divided by `NAME_weight_outer_scale_denominator` of each expert (NVFP4).
package struct MicroscaledLayout: QuantizedLayout {
  private static let float8 = Float8Layout(block: (1, 32))
  private static let stackScale = "_weight_scale"

  /// A layout.
  package init() {}

  /// `true` for a checkpoint of stacks, whose configuration need not say so.
  package static func isOf(_ checkpoint: Checkpoint) -> Bool {
    checkpoint.tensors.keys.contains { $0.hasExactSuffix(".w13" + stackScale) }
  }

  package func stem(of tensor: Tensor) -> String? {
    tensor.name.removing(exactSuffix: Self.stackScale)
      ?? (tensor.name.hasExactSuffix(".weight") ? Self.float8.stem(of: tensor) : nil)
  }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    guard !parts.stem.hasExactSuffix(".weight") else { return try Self.float8.weights(&parts) }
    let codes = try parts.need("_weight", "a stack of quantised weights")
    let scales = try parts.need(Self.stackScale, "the scales of \(codes.name)")
    guard codes.shape.count == 3, scales.shape.count == 3, scales.shape[..<2] == codes.shape[..<2] else {
      throw .tensor(
        name: codes.name,
        reason: "has shape \(codes.shape) and scales of shape \(scales.shape), expected stacks of as many rows")
    }
    if codes.type == "F8_E4M3" { return [try Float8Layout.weight(codes, scales, block: (1, 32))] }
    let most = try parts.need("_weight_amax", "what the scales of \(codes.name) are multiplied with")
    let denominators = try parts.need("_weight_outer_scale_denominator", "what \(most.name) is divided by")
    func flat(_ tensor: Tensor) -> Tensor {
      tensor.renamed(tensor.name, shape: [tensor.shape[0] * tensor.shape[1], tensor.shape[2]])
    }
    let matrix = try FourBitFloats(
      flat(codes), flat(scales),
      factors: [.init(tensor: most, isDivisor: false), .init(tensor: denominators, isDivisor: true)],
      matrices: codes.shape[0])
    return [
      matrix.tensor(codes.name).renamed(codes.name, shape: [codes.shape[0], codes.shape[1], 2 * codes.shape[2]])
    ]
  }
}
