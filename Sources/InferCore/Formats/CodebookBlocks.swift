internal import CKernels

// Super-blocks of 256 weights, whose magnitudes are numbers of four or eight in a codebook; `CKernels/ck_blocks.h` describes
// their bytes. Those of the fewest bits are of use only where it is known which columns matter.
extension WeightFormat {
  /// Four weights in nine bits, signs, and a scale for 32 of them: 3.4375 bits.
  package static let iq3_S = unsafe WeightFormat(
    name: "IQ3_S", typeID: 21, blockElements: 256, blockBytes: 110, unpack: ck_unpack_iq3_s,
    quantize: ck_quantize_iq3_s, weighted: ck_quantize_weighted_iq3_s,
    panels: PanelKernels(
      size: ck_panel_size_iq3_s, pack: ck_pack_panel_iq3_s, unpackRow: ck_unpack_panel_row_iq3_s,
      turn: ck_turn_panel_iq3_s, product: .rounded(ck_matmul_iq3_s)))
  /// Four weights in eight bits, signs, and a scale for 32 of them: 3.0625 bits.
  package static let iq3_XXS = unsafe WeightFormat(
    name: "IQ3_XXS", typeID: 18, blockElements: 256, blockBytes: 98, unpack: ck_unpack_iq3_xxs,
    quantize: ck_quantize_iq3_xxs, weighted: ck_quantize_weighted_iq3_xxs, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq3_xxs, pack: ck_pack_panel_iq3_xxs, unpackRow: ck_unpack_panel_row_iq3_xxs,
      turn: ck_turn_panel_iq3_xxs, product: .rounded(ck_matmul_iq3_xxs)))
  /// Eight weights in ten bits, signs, and a scale for 16 of them: 2.5625 bits.
  package static let iq2_S = unsafe WeightFormat(
    name: "IQ2_S", typeID: 22, blockElements: 256, blockBytes: 82, unpack: ck_unpack_iq2_s,
    quantize: ck_quantize_iq2_s, weighted: ck_quantize_weighted_iq2_s, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq2_s, pack: ck_pack_panel_iq2_s, unpackRow: ck_unpack_panel_row_iq2_s,
      turn: ck_turn_panel_iq2_s, product: .rounded(ck_matmul_iq2_s)))
  /// Eight weights in nine bits, signs, and a scale for 16 of them: 2.3125 bits.
  package static let iq2_XS = unsafe WeightFormat(
    name: "IQ2_XS", typeID: 17, blockElements: 256, blockBytes: 74, unpack: ck_unpack_iq2_xs,
    quantize: ck_quantize_iq2_xs, weighted: ck_quantize_weighted_iq2_xs, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq2_xs, pack: ck_pack_panel_iq2_xs, unpackRow: ck_unpack_panel_row_iq2_xs,
      turn: ck_turn_panel_iq2_xs, product: .rounded(ck_matmul_iq2_xs)))
  /// Eight weights in eight bits, signs, and a scale for 32 of them: 2.0625 bits.
  package static let iq2_XXS = unsafe WeightFormat(
    name: "IQ2_XXS", typeID: 16, blockElements: 256, blockBytes: 66, unpack: ck_unpack_iq2_xxs,
    quantize: ck_quantize_iq2_xxs, weighted: ck_quantize_weighted_iq2_xxs, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq2_xxs, pack: ck_pack_panel_iq2_xxs, unpackRow: ck_unpack_panel_row_iq2_xxs,
      turn: ck_turn_panel_iq2_xxs, product: .rounded(ck_matmul_iq2_xxs)))
  /// Eight weights in eleven bits, an offset for them, and a scale for 16: 1.75 bits.
  package static let iq1_M = unsafe WeightFormat(
    name: "IQ1_M", typeID: 29, blockElements: 256, blockBytes: 56, unpack: ck_unpack_iq1_m,
    quantize: ck_quantize_iq1_m, weighted: ck_quantize_weighted_iq1_m, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq1_m, pack: ck_pack_panel_iq1_m, unpackRow: ck_unpack_panel_row_iq1_m,
      turn: ck_turn_panel_iq1_m, product: .rounded(ck_matmul_iq1_m)))
  /// Eight weights in eleven bits, an offset and a scale for 32 of them: 1.5625 bits.
  package static let iq1_S = unsafe WeightFormat(
    name: "IQ1_S", typeID: 19, blockElements: 256, blockBytes: 50, unpack: ck_unpack_iq1_s,
    quantize: ck_quantize_iq1_s, weighted: ck_quantize_weighted_iq1_s, needsImportance: true,
    panels: PanelKernels(
      size: ck_panel_size_iq1_s, pack: ck_pack_panel_iq1_s, unpackRow: ck_unpack_panel_row_iq1_s,
      turn: ck_turn_panel_iq1_s, product: .rounded(ck_matmul_iq1_s)))
}
