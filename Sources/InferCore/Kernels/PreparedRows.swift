internal import CKernels

/// Some columns of a row of activations in a form that products read.
protocol ActivationBlock {
  /// The number of blocks that lie one behind another in a row: a chunk.
  static var perChunk: Int { get }
  /// The number of blocks of a row of `columns` columns.
  static func count(columns: Int) -> Int
  /// Writes a row of `columns` values, whose chunks are `chunkStride` blocks apart.
  static func prepare(
    _ row: UnsafeMutablePointer<Self>, chunkStride: Int, _ values: UnsafePointer<Float>, columns: Int)
}

extension ck_activations: ActivationBlock {
  static var perChunk: Int { Int(CK_CHUNK) }

  static func count(columns: Int) -> Int {
    precondition(columns % 32 == 0, "\(columns) columns are no multiple of a block of 32")
    return columns / 32
  }

  static func prepare(
    _ row: UnsafeMutablePointer<Self>, chunkStride: Int, _ values: UnsafePointer<Float>, columns: Int
  ) { unsafe ck_quantize_activations(row, chunkStride, values, columns) }
}

extension ck_split_activations: ActivationBlock {
  static var perChunk: Int { 1 }

  static func count(columns: Int) -> Int { (columns + 31) / 32 }

  static func prepare(
    _ row: UnsafeMutablePointer<Self>, chunkStride: Int, _ values: UnsafePointer<Float>, columns: Int
  ) { unsafe ck_split_activation_row(row, chunkStride, values, columns) }
}

/// Rows of activations rounded to eight bits in blocks of 32 columns.
typealias RoundedRows = PreparedRows<ck_activations>

/// Rows of activations as sums of three numbers of bfloat16.
typealias SplitRows = PreparedRows<ck_split_activations>

/// Rows of activations in a form that products read, in a step's scratch: `[chunk][row][block]`. Kernels take many rows of a
/// chunk, which are one piece of memory.
@safe struct PreparedRows<Block: ActivationBlock & BitwiseCopyable>: ~Escapable {
  /// The number of blocks from one chunk to the next.
  let chunkStride: Int
  private let columns: Int
  private let base: UnsafeMutablePointer<Block>

  /// Uninitialised rows of `columns` columns.
  @_lifetime(borrow step)
  init(rows: Int, columns: Int, _ step: borrowing Step) {
    self.columns = columns
    chunkStride = rows * Block.perChunk
    let chunks = (Block.count(columns: columns) + Block.perChunk - 1) / Block.perChunk
    unsafe base = step.scratch.take(chunks * chunkStride, of: Block.self)
  }

  @_lifetime(copy other)
  private init(_ other: PreparedRows, row: Int) {
    columns = other.columns
    chunkStride = other.chunkStride
    unsafe base = other.row(row)
  }

  /// The first block of a row.
  func row(_ index: Int) -> UnsafeMutablePointer<Block> { unsafe base + index * Block.perChunk }

  /// The rows from `row` on.
  @_lifetime(copy self)
  func from(row: Int) -> PreparedRows { PreparedRows(self, row: row) }

  /// Prepares `values` as row `index`. Threads may set different rows at the same time.
  func set(_ index: Int, _ values: UnsafePointer<Float>) {
    unsafe Block.prepare(row(index), chunkStride: chunkStride, values, columns: columns)
  }

  /// Copies a row of others that are as wide. Threads may copy to different rows at the same time.
  func copy(_ index: Int, from other: PreparedRows, row: Int) {
    let blocks = Block.count(columns: columns)
    for (chunk, first) in stride(from: 0, to: blocks, by: Block.perChunk).enumerated() {
      unsafe (self.row(index) + chunk * chunkStride).update(
        from: other.row(row) + chunk * other.chunkStride, count: min(Block.perChunk, blocks - first))
    }
  }
}

/// Prepares all rows of `x`, if they are wanted: once for all matrices that are multiplied with them.
@_lifetime(borrow step)
func prepare<Block>(_ x: Rows, if isWanted: Bool, _ step: borrowing Step) -> PreparedRows<Block>? {
  guard isWanted else { return nil }
  let prepared = PreparedRows<Block>(rows: x.count, columns: x.columns, step)
  unsafe forEachRow(x.count, step) { row in unsafe prepared.set(row, x.base + row * x.stride) }
  return prepared
}
