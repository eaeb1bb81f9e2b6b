internal import CBLAS
internal import CKernels
internal import Glibc

/// Sizes and per-head constants of a Mamba-2 scan.
package struct ScanParameters: Sendable {
  /// The number of heads, `H`; head `h` uses group `h / (H / groups)` of B and C.
  package let heads: Int
  /// The number of channels of a head, `P`.
  package let headDimension: Int
  /// The number of groups of B and C, `G`.
  package let groups: Int
  /// The state size of a channel, `N`.
  package let stateSize: Int
  /// The decay rate of each head, `A = −exp(A_log)`.
  package let a: [Float]
  /// The skip weight of each head.
  package let d: [Float]
  /// The bias of each head that is added to Δ before the softplus.
  package let dtBias: [Float]
  /// Whether inputs are weighted by Δ, beside decays, as discretised systems have it.
  package let weighsInputs: Bool

  /// Creates parameters; the three vectors have one value a head.
  package init(
    heads: Int, headDimension: Int, groups: Int, stateSize: Int, a: [Float], d: [Float], dtBias: [Float],
    weighsInputs: Bool = true
  ) {
    precondition(heads % groups == 0, "\(heads) heads in \(groups) groups")
    precondition(a.count == heads && d.count == heads && dtBias.count == heads, "constants for \(heads) heads")
    self.heads = heads
    self.headDimension = headDimension
    self.groups = groups
    self.stateSize = stateSize
    self.a = a
    self.d = d
    self.dtBias = dtBias
    self.weighsInputs = weighsInputs
  }

  /// Linear attention, `S ← λ S + k ⊗ v`, `y = Sᵀ q`: the scan with x for values, B for keys and C for queries, where
  /// `λ = exp(rate · softplus(dt + dtBias))`.
  ///
  /// - Parameters:
  ///   - heads: the number of heads.
  ///   - keyDimension: the width of a query and of a key.
  ///   - valueDimension: the width of a value.
  ///   - rates: for each head.
  ///   - dtBias: for all heads.
  package init(linearAttention heads: Int, keyDimension: Int, valueDimension: Int, rates: [Float], dtBias: Float) {
    self.init(
      heads: heads, headDimension: valueDimension, groups: heads, stateSize: keyDimension, a: rates,
      d: Array(repeating: 0, count: heads), dtBias: Array(repeating: dtBias, count: heads), weighsInputs: false)
  }

  /// The bias whose softplus is 1, for decays that no token changes.
  package static let unitStep = logf(expm1f(1))

  /// The number of floats of a sequence's state: `[H × N × P]`. Channels stand side by side, because registers hold
  /// them.
  package var stateCount: Int { heads * headDimension * stateSize }
}

/// The selective state-space scan of Mamba-2 over every run, with state from the run's start on to its captures and its
/// end.
///
/// Per head: `S ← exp(Δ·A) S + Δ B ⊗ x`, `y = Sᵀ C + D x`, with `Δ = softplus(dt + dt_bias)`. Segments of a few tokens
/// follow the recurrence; longer ones use its chunked matrix form, "SSD" (Dao & Gu 2024, arXiv 2405.21060, §6). Work
/// is cut by head, so that a head's state stays in cache from the first token to the last. State is 32-bit: 16-bit
/// state is reported to cause repetition (Hunyuan-TurboS report, arXiv 2505.15431, §"Mamba kernels").
///
/// - Parameters:
///   - x: `[step rows × H·P]`.
///   - b: `[step rows × G·N]`.
///   - c: `[step rows × G·N]`.
///   - dt: `[step rows × H]`, before bias and softplus.
///   - state: recurrent state of ``ScanParameters/stateCount`` floats.
///   - out: `[step rows × H·P]`.
package func selectiveScan(
  x: Rows, b: Rows, c: Rows, dt: Rows, _ parameters: ScanParameters, state: StateHandle, into out: inout MutableRows,
  _ step: borrowing Step
) {
  let heads = parameters.heads
  precondition(x.columns == heads * parameters.headDimension && out.columns == x.columns, "\(x.columns) channels")
  precondition(b.columns == parameters.groups * parameters.stateSize && c.columns == b.columns, "\(b.columns) of B")
  precondition(dt.columns == heads, "\(dt.columns) of dt for \(heads) heads")
  // A token changes every float of the state (decay and update) and multiplies it with C.
  step.report.work.addRecurrence(
    over: step.plan, floats: parameters.stateCount, multiplyAddsPerRow: 2 * parameters.stateCount)
  let chunk = ScanChunk(parameters)
  step.scoped {
    let workspace = step.take(rows: step.team.count, columns: chunk.workspaceCount)
    let inChunks = step.plan.runs.contains { $0.tokens.count >= ScanChunk.minimumLength }
    var products = step.take(rows: inChunks ? x.count : 0, columns: parameters.groups * ScanChunk.length)
    if inChunks { matmulChunks(b: b, c: c, parameters, into: &products, step) }
    let (product, productStride) = unsafe (products.base, products.stride)
    // Last runs first: prompts stand behind decodes, and what ends last should be small.
    unsafe step.team.forEach(step.plan.runs.count * heads) { item, worker in
      let run = step.plan.runs[step.plan.runs.count - 1 - item / heads]
      let head = item % heads
      let (p, n) = (parameters.headDimension, parameters.stateSize)
      let group = head / (heads / parameters.groups)
      unsafe advance(run, state, offset: head * p * n, count: p * n, step) { rows, headState in
        let row = rows.lowerBound
        let inputs = unsafe HeadInputs(
          x: x.base + row * x.stride + head * p, xStride: x.stride, b: b.base + row * b.stride + group * n,
          bStride: b.stride, c: c.base + row * c.stride + group * n, cStride: c.stride,
          dt: dt.base + row * dt.stride + head, dtStride: dt.stride,
          products: product + (inChunks ? row * productStride : 0) + group * ScanChunk.length,
          productStride: productStride, out: out.base + row * out.stride + head * p, outStride: out.stride)
        unsafe chunk.scan(
          inputs, rows: rows.count, head: head, state: headState,
          workspace: workspace.base + worker * workspace.stride)
      }
    }
  }
}

/// `C·Bᵀ` within each chunk of the segments that are scanned in chunks, which all heads of a group share.
private func matmulChunks(
  b: Rows, c: Rows, _ parameters: ScanParameters, into out: inout MutableRows, _ step: borrowing Step
) {
  let (n, groups) = (parameters.stateSize, parameters.groups)
  let tiles = RowTiles(rowsPerTile: ScanChunk.length, step)
  unsafe step.team.forEach(tiles.count * groups) { item, _ in
    let (tile, group) = (tiles[item / groups], item % groups)
    guard tile.segment.count >= ScanChunk.minimumLength else { return }
    let row = tile.first
    unsafe cblas_sgemm(
      CblasRowMajor, CblasNoTrans, CblasTrans, blas(tile.count), blas(tile.count), blas(n), 1,
      c.base + row * c.stride + group * n, blas(c.stride), b.base + row * b.stride + group * n, blas(b.stride), 0,
      out.base + row * out.stride + group * ScanChunk.length, blas(out.stride))
  }
}
