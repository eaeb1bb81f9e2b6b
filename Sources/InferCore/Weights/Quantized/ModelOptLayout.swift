internal import InferText

/// Weights as NVIDIA's Model Optimizer stores them: in E4M3 with one scale of a matrix, `NAME.weight_scale`, or in NVFP4, with
/// scales in E4M3 for 16 columns and one of the matrix, `NAME.weight_scale_2`, that these are multiplied with.
package struct ModelOptLayout: QuantizedLayout {
  /// A layout.
  package init() {}

  package func stem(of tensor: Tensor) -> String? {
    ["U8", "F8_E4M3"].contains(tensor.type) ? tensor.name.removing(exactSuffix: ".weight") : nil
  }

  package func weights(_ parts: inout QuantizedParts) throws(ModelError) -> [Tensor] {
    let codes = try parts.need(".weight", "quantised weights")
    let scales = try parts.need(".weight_scale", "the scales of \(codes.name)")
    if codes.type == "F8_E4M3" { return [try Float8Layout.weight(codes, scales, block: nil)] }
    let factor = try parts.need(".weight_scale_2", "what the scales of \(codes.name) are multiplied with")
    return [try FourBitFloats(codes, scales, factors: [.init(tensor: factor, isDivisor: false)]).tensor(codes.name)]
  }
}
