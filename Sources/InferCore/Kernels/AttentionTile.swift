internal import CBLAS
internal import CKernels

/// Attention of a tile of rows of one sequence with one key head.
struct AttentionShape {
  /// Query heads that share the key head.
  let group: Int
  let headDimension: Int
  /// Factor on the scores.
  let scale: Float
  let rowsPerTile: Int
  let pages: PageLayout

  /// Keys that are scored at once: their unpacked keys and values stay in the second-level cache.
  private var blockTokens: Int { max(1, 256 / pages.pageTokens) * pages.pageTokens }
  private var queryRows: Int { rowsPerTile * group }

  /// Floats a worker needs: queries, weighted values, scores, maxima and sums, and a block of unpacked keys or values.
  var workspaceCount: Int {
    2 * queryRows * headDimension + queryRows * blockTokens + 2 * queryRows + blockTokens * headDimension
  }

  /// Attends from `rows` rows, the first at `position`. Query row `r` and head `g` is at
  /// `queries[r · queryStride + g · headDimension]`; `out` likewise. `page` gives the address of a sequence's
  /// `j`-th page.
  func attend(
    queries: UnsafePointer<Float>, queryStride: Int, out: UnsafeMutablePointer<Float>, outStride: Int, rows: Int,
    position: Int, head: Int, page: (Int) -> UnsafeMutableRawPointer, workspace: UnsafeMutablePointer<Float>
  ) {
    let m = rows * group
    let query = unsafe workspace
    let sum = unsafe query + queryRows * headDimension
    let scores = unsafe sum + queryRows * headDimension
    let maxima = unsafe scores + queryRows * blockTokens
    let unpacked = unsafe maxima + 2 * queryRows
    for row in 0..<rows {
      unsafe (query + row * group * headDimension).update(
        from: queries + row * queryStride, count: group * headDimension)
    }
    unsafe sum.update(repeating: 0, count: m * headDimension)
    for row in 0..<m { unsafe (maxima[2 * row], maxima[2 * row + 1]) = (-Float.infinity, 0) }

    let keys = position + rows
    for first in stride(from: 0, to: keys, by: blockTokens) {
      let count = min(blockTokens, keys - first)
      let pageRange = first / pages.pageTokens..<(first + count + pages.pageTokens - 1) / pages.pageTokens
      unsafe score(query, m, head: head, count: count, pageRange, page, into: scores, unpacked: unpacked)
      for row in 0..<m {
        // A row sees the keys up to its own; what lies behind weighs nothing.
        let visible = max(0, min(count, position + row / group + 1 - first))
        let rowScores = unsafe scores + row * blockTokens
        if visible > 0 {
          let factor = unsafe ck_online_softmax(
            rowScores, scale, maxima + 2 * row, maxima + 2 * row + 1, visible)
          if factor != 1 { unsafe cblas_sscal(blas(headDimension), factor, sum + row * headDimension, 1) }
        }
        for hidden in visible..<count { unsafe rowScores[hidden] = 0 }
      }
      unsafe addValues(scores, m, head: head, count: count, pageRange, page, into: sum, unpacked: unpacked)
    }
    for row in 0..<m {
      let target = unsafe out + (row / group) * outStride + (row % group) * headDimension
      let factor = unsafe 1 / maxima[2 * row + 1]
      for index in 0..<headDimension { unsafe target[index] = sum[row * headDimension + index] * factor }
    }
  }

  /// `scores[r, t] = query[r] · key[t]` for the keys of some pages.
  private func score(
    _ query: UnsafePointer<Float>, _ m: Int, head: Int, count: Int, _ pageRange: Range<Int>,
    _ page: (Int) -> UnsafeMutableRawPointer, into scores: UnsafeMutablePointer<Float>,
    unpacked: UnsafeMutablePointer<Float>
  ) {
    let d = headDimension
    var done = 0
    for index in pageRange {
      let tokens = min(pages.pageTokens, count - done)
      let keys = unsafe page(index) + pages.key(head: head, token: 0)
      if m > MatMul.fewRows {
        unsafe pages.unpack(unpacked + done * d, keys, tokens * d)
      } else {
        switch pages.type {
        case .f32: unsafe ck_dot_f32(scores + done, blockTokens, query, d, keys, d, m, tokens, d)
        case .f16: unsafe ck_dot_f16(scores + done, blockTokens, query, d, keys, d, m, tokens, d)
        }
      }
      done += tokens
    }
    if m > MatMul.fewRows {
      unsafe cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, blas(m), blas(count), blas(d), 1, query, blas(d), unpacked, blas(d), 0,
        scores, blas(blockTokens))
    }
  }

  /// `sum[r] += Σ_t weights[r, t] · value[t]` for the values of some pages.
  private func addValues(
    _ weights: UnsafePointer<Float>, _ m: Int, head: Int, count: Int, _ pageRange: Range<Int>,
    _ page: (Int) -> UnsafeMutableRawPointer, into sum: UnsafeMutablePointer<Float>,
    unpacked: UnsafeMutablePointer<Float>
  ) {
    let d = headDimension
    var done = 0
    for index in pageRange {
      let tokens = min(pages.pageTokens, count - done)
      let values = unsafe page(index) + pages.value(head: head, token: 0)
      if m > MatMul.fewRows {
        unsafe pages.unpack(unpacked + done * d, values, tokens * d)
      } else {
        switch pages.type {
        case .f32: unsafe ck_weighted_rows_f32(sum, d, weights + done, blockTokens, values, d, m, tokens, d)
        case .f16: unsafe ck_weighted_rows_f16(sum, d, weights + done, blockTokens, values, d, m, tokens, d)
        }
      }
      done += tokens
    }
    if m > MatMul.fewRows {
      unsafe cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, blas(m), blas(d), blas(count), 1, weights, blas(blockTokens),
        unpacked, blas(d), 1, sum, blas(d))
    }
  }
}
