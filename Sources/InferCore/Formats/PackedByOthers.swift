internal import CKernels

// Blocks for weights that other programs quantised and that no format of ggml has; `CKernels/ck_blocks.h` describes their
// bytes. Other programs read none of them.
extension WeightFormat {
  /// Numbers of E2M1, and a half for 16 weights: 5 bits.
  package static let fp4 = unsafe WeightFormat(
    name: "FP4", typeID: ownTypes, blockElements: 32, blockBytes: 20, unpack: ck_unpack_fp4, quantize: nil,
    panels: PanelKernels(
      size: ck_panel_size_fp4, pack: ck_pack_panel_fp4, unpackRow: ck_unpack_panel_row_fp4, turn: ck_turn_panel_fp4,
      product: .rounded(ck_matmul_fp4)))
  /// Eight bits a weight, a scale and an offset for 32: 9 bits.
  package static let i8_1 = unsafe WeightFormat(
    name: "I8_1", typeID: ownTypes + 1, blockElements: 32, blockBytes: 36, unpack: ck_unpack_i8_1, quantize: nil,
    panels: PanelKernels(
      size: ck_panel_size_i8_1, pack: ck_pack_panel_i8_1, unpackRow: ck_unpack_panel_row_i8_1,
      turn: ck_turn_panel_i8_1, product: .rounded(ck_matmul_i8_1)))
  /// Numbers of E4M3, and a scale in single precision for 64: 8.5 bits. They are multiplied with floats.
  package static let fp8 = unsafe WeightFormat(
    name: "FP8", typeID: ownTypes + 2, blockElements: 64, blockBytes: 68, unpack: ck_unpack_fp8, quantize: nil,
    panels: PanelKernels(
      size: ck_panel_size_fp8, pack: ck_pack_panel_fp8, unpackRow: ck_unpack_panel_row_fp8, turn: ck_turn_panel_fp8,
      product: .floats(ck_matmul_fp8)))

  /// The first type number of formats that are no formats of ggml.
  private static let ownTypes: UInt32 = 200

  /// Whether ggml has the format, and other programs can read it.
  package var isShared: Bool { typeID < Self.ownTypes }

  /// Whether weights of the format may be quantised: numbers, those of eight bits among them.
  package var isSource: Bool { !isQuantized || self == .fp8 }
}
