internal import CKernels

// Super-blocks of 256 weights, whose sub-blocks have scales that are quantised themselves; `CKernels/ck_blocks.h`
// describes their bytes.
extension WeightFormat {
  /// Two bits a weight, a scale and an offset for 16 of them: 2.625 bits.
  package static let q2_K = unsafe WeightFormat(
    name: "Q2_K", typeID: 10, blockElements: 256, blockBytes: 84, unpack: ck_unpack_q2_k,
    quantize: ck_quantize_q2_k, weighted: ck_quantize_weighted_q2_k,
    panels: PanelKernels(
      size: ck_panel_size_q2_k, pack: ck_pack_panel_q2_k, unpackRow: ck_unpack_panel_row_q2_k,
      turn: ck_turn_panel_q2_k, product: .rounded(ck_matmul_q2_k)))
  /// Three bits a weight, a scale for 16 of them: 3.4375 bits.
  package static let q3_K = unsafe WeightFormat(
    name: "Q3_K", typeID: 11, blockElements: 256, blockBytes: 110, unpack: ck_unpack_q3_k,
    quantize: ck_quantize_q3_k, weighted: ck_quantize_weighted_q3_k,
    panels: PanelKernels(
      size: ck_panel_size_q3_k, pack: ck_pack_panel_q3_k, unpackRow: ck_unpack_panel_row_q3_k,
      turn: ck_turn_panel_q3_k, product: .rounded(ck_matmul_q3_k)))
  /// Four bits a weight, a scale and an offset for 32 of them: 4.5 bits.
  package static let q4_K = unsafe WeightFormat(
    name: "Q4_K", typeID: 12, blockElements: 256, blockBytes: 144, unpack: ck_unpack_q4_k,
    quantize: ck_quantize_q4_k, weighted: ck_quantize_weighted_q4_k,
    panels: PanelKernels(
      size: ck_panel_size_q4_k, pack: ck_pack_panel_q4_k, unpackRow: ck_unpack_panel_row_q4_k,
      turn: ck_turn_panel_q4_k, product: .rounded(ck_matmul_q4_k)))
  /// Five bits a weight, a scale and an offset for 32 of them: 5.5 bits.
  package static let q5_K = unsafe WeightFormat(
    name: "Q5_K", typeID: 13, blockElements: 256, blockBytes: 176, unpack: ck_unpack_q5_k,
    quantize: ck_quantize_q5_k, weighted: ck_quantize_weighted_q5_k,
    panels: PanelKernels(
      size: ck_panel_size_q5_k, pack: ck_pack_panel_q5_k, unpackRow: ck_unpack_panel_row_q5_k,
      turn: ck_turn_panel_q5_k, product: .rounded(ck_matmul_q5_k)))
  /// Six bits a weight, a scale for 16 of them: 6.5625 bits.
  package static let q6_K = unsafe WeightFormat(
    name: "Q6_K", typeID: 14, blockElements: 256, blockBytes: 210, unpack: ck_unpack_q6_k,
    quantize: ck_quantize_q6_k, weighted: ck_quantize_weighted_q6_k,
    panels: PanelKernels(
      size: ck_panel_size_q6_k, pack: ck_pack_panel_q6_k, unpackRow: ck_unpack_panel_row_q6_k,
      turn: ck_turn_panel_q6_k, product: .rounded(ck_matmul_q6_k)))
}
