internal import CKernels

/// The kernels that pack matrices of a format and multiply with them. A panel is `PackedMatrix.panelRows` rows whose
/// numbers are interleaved, so that a register holds the same column of all of them.
///
/// For one format the arithmetic of an output depends on its row of activations and its row of weights alone, never on
/// how many rows are computed together.
@safe struct PanelKernels: Sendable {
  /// Returns the bytes of a panel of rows of `columns` columns.
  typealias Size = @convention(c) (_ columns: Int) -> Int
  /// Packs `count` rows that lie `rowBytes` apart.
  typealias Pack =
    @convention(c) (
      _ panel: UnsafeMutableRawPointer?, _ rows: UnsafeRawPointer?, _ rowBytes: Int, _ count: Int, _ columns: Int
    ) -> Void
  /// Writes one row of a panel as floats.
  typealias UnpackRow =
    @convention(c) (_ out: UnsafeMutablePointer<Float>?, _ panel: UnsafeRawPointer?, _ row: Int, _ columns: Int) -> Void
  /// Writes a panel in which `from` columns of a row stand together as one in which `to` do.
  typealias Turn =
    @convention(c) (
      _ out: UnsafeMutableRawPointer?, _ to: Int, _ panel: UnsafeRawPointer?, _ from: Int, _ columns: Int
    ) -> Void
  /// `out[t, r] = x[t] · row r` for `m` rows of activations and `rows` rows of panels.
  typealias FloatProduct =
    @convention(c) (
      _ out: UnsafeMutablePointer<Float>?, _ outStride: Int, _ x: UnsafePointer<Float>?, _ xStride: Int,
      _ panels: UnsafeRawPointer?, _ rows: Int, _ columns: Int, _ m: Int
    ) -> Void
  /// The product with activations rounded to eight bits, whose chunks are `xChunk` blocks apart.
  typealias RoundedProduct =
    @convention(c) (
      _ out: UnsafeMutablePointer<Float>?, _ outStride: Int, _ x: UnsafePointer<ck_activations>?, _ xChunk: Int,
      _ panels: UnsafeRawPointer?, _ rows: Int, _ columns: Int, _ m: Int
    ) -> Void

  /// The product with the first parts of activations that are split in three, whose steps are `xStep` apart: two or three.
  typealias SplitProduct =
    @convention(c) (
      _ out: UnsafeMutablePointer<Float>?, _ outStride: Int, _ x: UnsafePointer<ck_split_activations>?, _ xStep: Int,
      _ panels: UnsafeRawPointer?, _ rows: Int, _ columns: Int, _ m: Int, _ parts: Int32
    ) -> Void

  /// A product with activations as floats, rounded to eight bits, or split.
  @safe enum Product: BitwiseCopyable, Sendable {
    case floats(FloatProduct)
    case rounded(RoundedProduct)
    case split(SplitProduct)

    /// The product of 16-bit weights: the one of two that the instruction set has.
    static func either(_ floats: FloatProduct, _ split: SplitProduct) -> Product {
      unsafe ck_splits_activations() != 0 ? .split(split) : .floats(floats)
    }
  }

  let size: Size
  let pack: Pack
  let unpackRow: UnpackRow
  let turn: Turn
  let product: Product
}
