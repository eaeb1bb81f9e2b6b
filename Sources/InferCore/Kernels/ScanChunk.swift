internal import CKernels
internal import Glibc

/// The inputs and the output of one head's scan: pointers to the first row, and strides in floats.
@unsafe struct HeadInputs {
  let x: UnsafePointer<Float>, xStride: Int
  let b: UnsafePointer<Float>, bStride: Int
  let c: UnsafePointer<Float>, cStride: Int
  let dt: UnsafePointer<Float>, dtStride: Int
  /// `C·Bᵀ` of the head's group: row `t` holds the products with the rows of its chunk. Only for runs in chunks.
  let products: UnsafePointer<Float>, productStride: Int
  let out: UnsafeMutablePointer<Float>, outStride: Int
}

/// The scan of one head over one run, by recurrence or in chunks.
struct ScanChunk {
  /// The number of tokens of a chunk. Work inside a chunk grows with it, work between chunks shrinks.
  static let length = 64
  /// The number of tokens from which on runs are scanned in chunks. The recurrence costs less a token than a nearly
  /// empty chunk.
  static let minimumLength = 16

  let parameters: ScanParameters

  init(_ parameters: ScanParameters) { self.parameters = parameters }

  private var q: Int { Self.length }

  /// The number of floats of a worker's memory: Δ, cumulative decay and its exponential; masked C·Bᵀ; weighted x.
  var workspaceCount: Int { 3 * q + q * q + q * parameters.headDimension }

  /// Scans `rows` tokens and leaves the state after the last in `state` (`[N × P]`).
  func scan(
    _ inputs: HeadInputs, rows: Int, head: Int, state: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    if rows < Self.minimumLength {
      for row in 0..<rows { unsafe stepOnce(inputs, row: row, head: head, state: state) }
      return
    }
    for first in stride(from: 0, to: rows, by: q) {
      unsafe scanChunk(
        inputs, first: first, count: min(q, rows - first), head: head, state: state, workspace: workspace)
    }
  }

  private func stepOnce(_ inputs: HeadInputs, row: Int, head: Int, state: UnsafeMutablePointer<Float>) {
    let dt = unsafe delta(inputs.dt[row * inputs.dtStride], head: head)
    unsafe ck_scan_step(
      state, inputs.out + row * inputs.outStride, inputs.x + row * inputs.xStride, inputs.b + row * inputs.bStride,
      inputs.c + row * inputs.cStride, expf(dt * parameters.a[head]), parameters.weighsInputs ? dt : 1,
      parameters.d[head],
      parameters.headDimension, parameters.stateSize)
  }

  /// Softplus of dt + bias; linear where its difference from the identity is below rounding.
  private func delta(_ dt: Float, head: Int) -> Float {
    let value = dt + parameters.dtBias[head]
    return value > 20 ? value : log1pf(expf(value))
  }

  /// One chunk: with `l[t] = Σ_{s ≤ t} Δ[s]·A`,
  ///
  ///     y[t] = Σ_{s ≤ t} (C[t]·B[s]) exp(l[t] − l[s]) Δ[s] x[s]  +  exp(l[t]) Sᵀ C[t]  +  D x[t]
  ///     S    = exp(l[last]) S + Σ_s exp(l[last] − l[s]) Δ[s] B[s] ⊗ x[s]
  private func scanChunk(
    _ inputs: HeadInputs, first: Int, count: Int, head: Int, state: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    let (p, n) = (parameters.headDimension, parameters.stateSize)
    let x = unsafe inputs.x + first * inputs.xStride
    let b = unsafe inputs.b + first * inputs.bStride
    let c = unsafe inputs.c + first * inputs.cStride
    let out = unsafe inputs.out + first * inputs.outStride
    let dt = unsafe workspace
    let decay = unsafe dt + q
    let growth = unsafe decay + q
    let mask = unsafe growth + q
    let weighted = unsafe mask + q * q

    var total: Float = 0
    for t in 0..<count {
      unsafe dt[t] = delta(inputs.dt[(first + t) * inputs.dtStride], head: head)
      total += unsafe dt[t] * parameters.a[head]
      unsafe decay[t] = total
      if !parameters.weighsInputs { unsafe dt[t] = 1 }
    }
    // exp(l[t]), scaling what the old state contributes to each output.
    unsafe ck_exp(growth, decay, count)
    unsafe ck_gemm(out, inputs.outStride, c, inputs.cStride, 1, state, p, count, p, n, 0)
    for t in 0..<count {
      let (y, input) = unsafe (out + t * inputs.outStride, x + t * inputs.xStride)
      let (scale, skip) = unsafe (growth[t], parameters.d[head])
      for i in 0..<p { unsafe y[i] = y[i] * scale + skip * input[i] }
    }
    unsafe ck_scan_mask(
      mask, inputs.products + first * inputs.productStride, inputs.productStride, decay, dt, count)
    unsafe ck_gemm(out, inputs.outStride, mask, count, 1, x, inputs.xStride, count, p, count, 1)
    // The weight of each input at the end of the chunk.
    for t in 0..<count {
      let weight = unsafe dt[t] * expf(total - decay[t])
      for i in 0..<p { unsafe weighted[t * p + i] = weight * x[t * inputs.xStride + i] }
    }
    let rest = expf(total)
    for index in 0..<p * n { unsafe state[index] *= rest }
    unsafe ck_gemm(state, p, b, 1, inputs.bStride, weighted, p, n, p, count, 1)
  }
}
