internal import CKernels

// Blocks whose codes of four bits stand for sixteen values; `CKernels/ck_blocks.h` describes their bytes, and
// `CKernels/ck_units.h` has the values.
extension WeightFormat {
  /// Values that are denser around zero, and a scale for 32 weights: 4.5 bits.
  package static let iq4_NL = unsafe WeightFormat(
    name: "IQ4_NL", typeID: 20, blockElements: 32, blockBytes: 18, unpack: ck_unpack_iq4_nl,
    quantize: ck_quantize_iq4_nl, weighted: ck_quantize_weighted_iq4_nl,
    panels: PanelKernels(
      size: ck_panel_size_iq4_nl, pack: ck_pack_panel_iq4_nl, unpackRow: ck_unpack_panel_row_iq4_nl,
      turn: ck_turn_panel_iq4_nl, product: .rounded(ck_matmul_iq4_nl)))
  /// The same values in super-blocks of 256 weights, with a scale for 32 of them: 4.25 bits.
  package static let iq4_XS = unsafe WeightFormat(
    name: "IQ4_XS", typeID: 23, blockElements: 256, blockBytes: 136, unpack: ck_unpack_iq4_xs,
    quantize: ck_quantize_iq4_xs, weighted: ck_quantize_weighted_iq4_xs,
    panels: PanelKernels(
      size: ck_panel_size_iq4_xs, pack: ck_pack_panel_iq4_xs, unpackRow: ck_unpack_panel_row_iq4_xs,
      turn: ck_turn_panel_iq4_xs, product: .rounded(ck_matmul_iq4_xs)))
  /// Numbers of E2M1, and a power of two for 32 weights: 4.25 bits.
  package static let mxfp4 = unsafe WeightFormat(
    name: "MXFP4", typeID: 39, blockElements: 32, blockBytes: 17, unpack: ck_unpack_mxfp4, quantize: ck_quantize_mxfp4,
    panels: PanelKernels(
      size: ck_panel_size_mxfp4, pack: ck_pack_panel_mxfp4, unpackRow: ck_unpack_panel_row_mxfp4,
      turn: ck_turn_panel_mxfp4, product: .rounded(ck_matmul_mxfp4)))
  /// Numbers of E2M1, and one of E4M3 for 16 weights: 4.5 bits.
  package static let nvfp4 = unsafe WeightFormat(
    name: "NVFP4", typeID: 40, blockElements: 64, blockBytes: 36, unpack: ck_unpack_nvfp4, quantize: ck_quantize_nvfp4,
    panels: PanelKernels(
      size: ck_panel_size_nvfp4, pack: ck_pack_panel_nvfp4, unpackRow: ck_unpack_panel_row_nvfp4,
      turn: ck_turn_panel_nvfp4, product: .rounded(ck_matmul_nvfp4)))
}
