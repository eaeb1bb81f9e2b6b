internal import CKernels

// Super-blocks of 256 weights of −1, 0 and 1; `CKernels/ck_blocks.h` describes their bytes.
extension WeightFormat {
  /// Five weights in a byte, and a scale for all: 1.6875 bits.
  package static let tq1_0 = unsafe WeightFormat(
    name: "TQ1_0", typeID: 34, blockElements: 256, blockBytes: 54, unpack: ck_unpack_tq1_0, quantize: ck_quantize_tq1_0,
    panels: PanelKernels(
      size: ck_panel_size_tq1_0, pack: ck_pack_panel_tq1_0, unpackRow: ck_unpack_panel_row_tq1_0,
      turn: ck_turn_panel_tq1_0, product: .rounded(ck_matmul_tq1_0)))
  /// Four weights in a byte, and a scale for all: 2.0625 bits.
  package static let tq2_0 = unsafe WeightFormat(
    name: "TQ2_0", typeID: 35, blockElements: 256, blockBytes: 66, unpack: ck_unpack_tq2_0, quantize: ck_quantize_tq2_0,
    panels: PanelKernels(
      size: ck_panel_size_tq2_0, pack: ck_pack_panel_tq2_0, unpackRow: ck_unpack_panel_row_tq2_0,
      turn: ck_turn_panel_tq2_0, product: .rounded(ck_matmul_tq2_0)))
}
