internal import CKernels

/// A format of the numbers of a weight matrix: a block layout, conversions from and to 32-bit floats, and kernels for
/// packed matrices. Quantised formats have the layouts of GGUF files where these have the format.
///
/// A new format is one file that declares it and one line in ``all``.
@safe package struct WeightFormat: Sendable {
  /// The name as checkpoints and GGUF tools spell it, e.g. `BF16` or `Q4_K`.
  package let name: String
  /// The type number in GGUF files: ggml's, or one of this project where that has none.
  package let typeID: UInt32
  /// The number of values in a block. A row's length is a multiple of it.
  package let blockElements: Int
  /// The number of bytes of a block.
  package let blockBytes: Int

  /// Writes `n` values as floats.
  typealias Unpack =
    @convention(c) (_ out: UnsafeMutablePointer<Float>?, _ values: UnsafeRawPointer?, _ n: Int) -> Void
  /// Writes `n` floats as the nearest values of the format.
  typealias Quantize =
    @convention(c) (_ out: UnsafeMutableRawPointer?, _ x: UnsafePointer<Float>?, _ n: Int) -> Void

  /// Writes `n` floats as values of the format, of which errors count as much as the importance of their columns says.
  typealias QuantizeWeighted =
    @convention(c) (
      _ out: UnsafeMutableRawPointer?, _ x: UnsafePointer<Float>?, _ importance: UnsafePointer<Float>?, _ n: Int
    ) -> Void

  let unpack: Unpack
  /// `nil` for formats that are read only.
  let quantize: Quantize?
  /// `nil` for formats in which every weight counts alike.
  let quantizeWeighted: QuantizeWeighted?
  /// Whether the format has so few bits that they are of use only where it is known which columns matter.
  package let needsImportance: Bool
  let panels: PanelKernels

  init(
    name: String, typeID: UInt32, blockElements: Int, blockBytes: Int, unpack: @escaping Unpack,
    quantize: Quantize?, weighted: QuantizeWeighted? = nil, needsImportance: Bool = false, panels: PanelKernels
  ) {
    self.name = name
    self.typeID = typeID
    self.blockElements = blockElements
    self.blockBytes = blockBytes
    unsafe self.unpack = unsafe unpack
    unsafe self.quantize = unsafe quantize
    unsafe quantizeWeighted = unsafe weighted
    self.needsImportance = needsImportance
    self.panels = panels
  }

  /// All formats that weights can be read in.
  package static let all: [WeightFormat] = [
    .f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_NL, .iq4_XS, .mxfp4,
    .nvfp4, .tq1_0, .tq2_0, .iq3_S, .iq3_XXS, .iq2_S, .iq2_XS, .iq2_XXS, .iq1_M, .iq1_S, .fp4, .i8_1, .fp8,
  ]

  /// Those that weights alone are quantised to.
  package static let writable = all.filter { $0.isWritable && !$0.needsImportance }

  /// Those that weights are quantised to with an importance matrix.
  package static let weighted = all.filter { $0.isWritable && $0.needsImportance }

  /// Whether weights can be quantised to the format.
  package var isWritable: Bool { unsafe quantize != nil }

  /// Whether values are codes that share a scale.
  package var isQuantized: Bool { blockElements > 1 }

  /// The number of bytes of `count` values.
  ///
  /// - Precondition: `count` is a multiple of ``blockElements``.
  package func bytes(_ count: Int) -> Int {
    precondition(count % blockElements == 0, "\(count) values are no multiple of \(name)'s block of \(blockElements)")
    return count / blockElements * blockBytes
  }

  /// The number of bytes of `count` values in panels, but for what rounds panels up: more than ``bytes(_:)`` where scales or
  /// codes have more bits there.
  ///
  /// - Precondition: `count` is a multiple of ``blockElements``.
  package func packedBytes(_ count: Int) -> Int {
    guard isQuantized else { return bytes(count) }
    precondition(count % blockElements == 0, "\(count) values are no multiple of \(name)'s block of \(blockElements)")
    // Of so many blocks nothing is rounded up.
    let blocks = 64
    return count / blockElements * (panels.size(blocks * blockElements) / (blocks * Int(CK_PANEL_ROWS)))
  }
}

extension WeightFormat: Equatable {
  /// Formats are equal when their names are.
  package static func == (a: WeightFormat, b: WeightFormat) -> Bool { a.name == b.name }
}
