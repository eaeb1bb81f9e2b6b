internal import CKernels

/// Rows of activations rounded to eight bits in blocks of 32 columns, in a step's scratch: `[chunk][row][block]`, where a
/// chunk is `CK_CHUNK` blocks. Kernels take many rows of a chunk, which are one piece of memory.
@safe struct RoundedRows: ~Escapable {
  private static let chunk = Int(CK_CHUNK)

  /// The number of blocks from one chunk to the next.
  let chunkStride: Int
  private let blocks: Int
  private let base: UnsafeMutablePointer<ck_activations>

  /// Uninitialised rows of `columns` columns.
  @_lifetime(borrow step)
  init(rows: Int, columns: Int, _ step: borrowing Step) {
    precondition(columns % 32 == 0, "\(columns) columns are no multiple of a block of 32")
    blocks = columns / 32
    chunkStride = rows * Self.chunk
    let chunks = (blocks + Self.chunk - 1) / Self.chunk
    unsafe base = step.scratch.take(chunks * chunkStride, of: ck_activations.self)
  }

  @_lifetime(copy other)
  private init(_ other: RoundedRows, row: Int) {
    blocks = other.blocks
    chunkStride = other.chunkStride
    unsafe base = other.row(row)
  }

  /// The first block of a row.
  func row(_ index: Int) -> UnsafeMutablePointer<ck_activations> { unsafe base + index * Self.chunk }

  /// The rows from `row` on.
  @_lifetime(copy self)
  func from(row: Int) -> RoundedRows { RoundedRows(self, row: row) }

  /// Rounds `values` into row `index`. Threads may set different rows at the same time.
  func set(_ index: Int, _ values: UnsafePointer<Float>) {
    unsafe ck_quantize_activations(row(index), chunkStride, values, blocks * 32)
  }

  /// Copies a row of others that are as wide. Threads may copy to different rows at the same time.
  func copy(_ index: Int, from other: RoundedRows, row: Int) {
    for block in stride(from: 0, to: blocks, by: Self.chunk) {
      let chunk = block / Self.chunk
      unsafe (self.row(index) + chunk * chunkStride).update(
        from: other.row(row) + chunk * other.chunkStride, count: min(Self.chunk, blocks - block))
    }
  }
}

/// Rounds all rows of `x`: once for all matrices that are multiplied with them.
@_lifetime(borrow step)
func roundActivations(_ x: Rows, _ step: borrowing Step) -> RoundedRows {
  let rounded = RoundedRows(rows: x.count, columns: x.columns, step)
  unsafe forEachRow(x.count, step) { row in unsafe rounded.set(row, x.base + row * x.stride) }
  return rounded
}
