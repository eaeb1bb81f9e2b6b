internal import CKernels

// Blocks of 32 weights; `CKernels/ck_blocks.h` describes their bytes.
extension WeightFormat {
  /// Eight bits a weight and a scale: 8.5 bits.
  package static let q8_0 = unsafe WeightFormat(
    name: "Q8_0", typeID: 8, blockElements: 32, blockBytes: 34, unpack: ck_unpack_q8_0, quantize: ck_quantize_q8_0,
    panels: PanelKernels(
      size: ck_panel_size_q8_0, pack: ck_pack_panel_q8_0, unpackRow: ck_unpack_panel_row_q8_0,
      turn: ck_turn_panel_q8_0, product: .rounded(ck_matmul_q8_0)))
  /// Four bits a weight and a scale: 4.5 bits.
  package static let q4_0 = unsafe WeightFormat(
    name: "Q4_0", typeID: 2, blockElements: 32, blockBytes: 18, unpack: ck_unpack_q4_0,
    quantize: ck_quantize_q4_0, weighted: ck_quantize_weighted_q4_0,
    panels: PanelKernels(
      size: ck_panel_size_q4_0, pack: ck_pack_panel_q4_0, unpackRow: ck_unpack_panel_row_q4_0,
      turn: ck_turn_panel_q4_0, product: .rounded(ck_matmul_q4_0)))
  /// Four bits a weight, a scale and an offset: 5 bits.
  package static let q4_1 = unsafe WeightFormat(
    name: "Q4_1", typeID: 3, blockElements: 32, blockBytes: 20, unpack: ck_unpack_q4_1,
    quantize: ck_quantize_q4_1, weighted: ck_quantize_weighted_q4_1,
    panels: PanelKernels(
      size: ck_panel_size_q4_1, pack: ck_pack_panel_q4_1, unpackRow: ck_unpack_panel_row_q4_1,
      turn: ck_turn_panel_q4_1, product: .rounded(ck_matmul_q4_1)))
  /// Five bits a weight and a scale: 5.5 bits.
  package static let q5_0 = unsafe WeightFormat(
    name: "Q5_0", typeID: 6, blockElements: 32, blockBytes: 22, unpack: ck_unpack_q5_0,
    quantize: ck_quantize_q5_0, weighted: ck_quantize_weighted_q5_0,
    panels: PanelKernels(
      size: ck_panel_size_q5_0, pack: ck_pack_panel_q5_0, unpackRow: ck_unpack_panel_row_q5_0,
      turn: ck_turn_panel_q5_0, product: .rounded(ck_matmul_q5_0)))
  /// Five bits a weight, a scale and an offset: 6 bits.
  package static let q5_1 = unsafe WeightFormat(
    name: "Q5_1", typeID: 7, blockElements: 32, blockBytes: 24, unpack: ck_unpack_q5_1,
    quantize: ck_quantize_q5_1, weighted: ck_quantize_weighted_q5_1,
    panels: PanelKernels(
      size: ck_panel_size_q5_1, pack: ck_pack_panel_q5_1, unpackRow: ck_unpack_panel_row_q5_1,
      turn: ck_turn_panel_q5_1, product: .rounded(ck_matmul_q5_1)))
}
