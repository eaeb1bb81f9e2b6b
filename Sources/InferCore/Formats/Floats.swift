internal import CKernels

extension WeightFormat {
  /// IEEE 754 single precision.
  package static let f32 = unsafe WeightFormat(
    name: "F32", typeID: 0, blockElements: 1, blockBytes: 4, unpack: ck_unpack_f32, quantize: ck_pack_f32,
    panels: PanelKernels(
      size: ck_panel_size_f32, pack: ck_pack_panel_f32, unpackRow: ck_unpack_panel_row_f32,
      turn: ck_turn_panel_f32, product: .floats(ck_matmul_f32)))
  /// IEEE 754 half precision: 5 bits of exponent, 10 of fraction.
  package static let f16 = unsafe WeightFormat(
    name: "F16", typeID: 1, blockElements: 1, blockBytes: 2, unpack: ck_unpack_f16, quantize: ck_pack_f16,
    panels: PanelKernels(
      size: ck_panel_size_f16, pack: ck_pack_panel_f16, unpackRow: ck_unpack_panel_row_f16,
      turn: ck_turn_panel_f16, product: .either(ck_matmul_f16, ck_matmul_split_f16)))
  /// The upper half of a single: 8 bits of exponent, 7 of fraction.
  package static let bf16 = unsafe WeightFormat(
    name: "BF16", typeID: 30, blockElements: 1, blockBytes: 2, unpack: ck_unpack_bf16, quantize: ck_pack_bf16,
    panels: PanelKernels(
      size: ck_panel_size_bf16, pack: ck_pack_panel_bf16, unpackRow: ck_unpack_panel_row_bf16,
      turn: ck_turn_panel_bf16, product: .either(ck_matmul_bf16, ck_matmul_split_bf16)))
}
