internal import CBLAS

/// Multiplies rows by the transposes of matrices that share their input, side by side:
/// `out[r] = [x[r] · A₀ᵀ | x[r] · A₁ᵀ | …]`.
///
/// Fused projections (query, key and value; gate and up) are one call without copying mapped weights. Few rows
/// are bound by reading the weights and go through dot products that read each weight once; many rows go
/// through `sgemm` over tiles of weights that are unpacked to floats in cache.
///
/// - Parameters:
///   - x: `[rows × columns of every matrix]`.
///   - out: `[rows × sum of the matrices' rows]`, overwritten.
package func multiply(_ x: Rows, by matrices: [Matrix], into out: inout MutableRows, _ step: borrowing Step) {
  let width = matrices.reduce(0) { $0 + $1.rows }
  precondition(out.count == x.count && out.columns == width, "\(out.count) × \(out.columns) for \(x.count) × \(width)")
  for matrix in matrices {
    precondition(x.columns == matrix.columns, "input of \(x.columns) columns for a matrix of \(matrix.columns)")
  }
  step.report.work.addProduct(rows: x.count, matrices)
  let product = MatMul(rows: x.count)
  let tiles = matrices.reduce(0) { $0 + product.tileCount($1) }
  step.scoped {
    let workspace = step.take(rows: step.team.count, columns: product.workspaceCount(columns: x.columns))
    // Tiles are independent columns of `out`, so no two items write the same float.
    step.team.forEach(tiles) { item, worker in
      let (matrix, column, tile) = product.locate(item, in: matrices)
      unsafe product.compute(
        x: x.base, xStride: x.stride, matrix.rows(tile), out: out.base + column + tile.lowerBound,
        outStride: out.stride,
        workspace: workspace.base + worker * workspace.stride)
    }
  }
}

/// How a product with a given number of input rows is cut into tiles of weight rows, and how a tile is computed.
struct MatMul {
  /// Up to this many rows, reading the weights costs more than the arithmetic.
  static let fewRows = 8

  let rows: Int
  var isFew: Bool { rows <= Self.fewRows }
  /// Weight rows of a tile: enough that handing it out costs nothing, few enough that an unpacked tile stays in
  /// the second-level cache.
  var tileRows: Int { isFew ? 32 : 96 }

  func tileCount(_ matrix: Matrix) -> Int { (matrix.rows + tileRows - 1) / tileRows }

  /// Floats a worker needs to unpack a tile.
  func workspaceCount(columns: Int) -> Int { tileRows * columns }

  /// The matrix, its first column in the output, and the weight rows of tile number `item`.
  func locate(_ item: Int, in matrices: [Matrix]) -> (matrix: Matrix, column: Int, tile: Range<Int>) {
    var item = item
    var column = 0
    for matrix in matrices {
      let count = tileCount(matrix)
      if item < count {
        return (matrix, column, item * tileRows..<min(matrix.rows, (item + 1) * tileRows))
      }
      item -= count
      column += matrix.rows
    }
    preconditionFailure("tile \(item) past the last matrix")
  }

  /// `out[r, c] = x[r] · tile[c]` for all rows of `x` and of `tile`.
  func compute(
    x: UnsafePointer<Float>, xStride: Int, _ tile: Matrix, out: UnsafeMutablePointer<Float>, outStride: Int,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let k = tile.columns
    if isFew, let dot = unsafe tile.format.dot {
      unsafe dot(
        out, outStride, x, xStride, tile.base, tile.rowBytes / tile.format.blockBytes * tile.format.blockElements, rows,
        tile.rows, k)
      return
    }
    var weights = unsafe UnsafePointer(workspace)
    if tile.format == .f32 {
      unsafe weights = tile.base.assumingMemoryBound(to: Float.self)
    } else {
      unsafe tile.format.unpack(workspace, tile.base, tile.rows * k)
    }
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blas(rows), blas(tile.rows), blas(k), 1, x, blas(xStride), weights,
      blas(k), 0, out, blas(outStride))
  }
}

/// BLAS counts in 32 bits.
func blas(_ value: Int) -> Int32 { Int32(value) }

/// Has BLAS compute on the calling thread alone: the team splits the work. Called once, before the first product.
func useOneBLASThread() { openblas_set_num_threads(1) }
