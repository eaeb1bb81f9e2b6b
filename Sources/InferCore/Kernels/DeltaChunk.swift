internal import CKernels

/// The inputs and the output of one head's delta rule: pointers to the first row, and strides in floats.
@unsafe struct DeltaInputs {
  let q: UnsafePointer<Float>, qStride: Int
  let k: UnsafePointer<Float>, kStride: Int
  let v: UnsafePointer<Float>, vStride: Int
  let decay: UnsafePointer<Float>, decayStride: Int
  /// Whether there is a decay for each channel of the key, or one for all.
  let isPerChannel: Bool
  let beta: UnsafePointer<Float>, betaStride: Int
  let out: UnsafeMutablePointer<Float>, outStride: Int
}

/// The gated delta rule of one head over one run, by recurrence or in chunks.
package struct DeltaChunk {
  /// The number of tokens of a chunk. Work inside a chunk grows with it, work between chunks shrinks.
  package static let usualLength = 64
  /// The number of tokens from which on runs are computed in chunks. The recurrence costs less a token than a nearly
  /// empty chunk.
  static let minimumLength = 16

  let shape: DeltaRuleShape
  let length: Int

  init(_ shape: DeltaRuleShape, length: Int) {
    precondition(length > 0, "chunks of \(length) tokens")
    self.shape = shape
    self.length = length
  }

  private var keyDimension: Int { shape.keyDimension }
  private var valueDimension: Int { shape.valueDimension }

  /// The number of floats of a worker's memory; see ``Buffers``.
  var workspaceCount: Int {
    length * (3 * keyDimension + valueDimension + 2 * length + 1) + (ck_delta_stride(length) + 2) * keyDimension
  }

  /// A worker's memory, cut for a chunk of `n` tokens.
  @unsafe private struct Buffers {
    /// `[n × K]` each.
    let keys: UnsafeMutablePointer<Float>
    let queries: UnsafeMutablePointer<Float>
    let decay: UnsafeMutablePointer<Float>
    /// `[K × n, rounded up]`.
    let ending: UnsafeMutablePointer<Float>
    /// `[n × V]`: the values that the state holds under the keys, and then those that the tokens write.
    let held: UnsafeMutablePointer<Float>
    /// `[n × n]` each.
    let byKeys: UnsafeMutablePointer<Float>
    let byQueries: UnsafeMutablePointer<Float>
    /// `[n]`.
    let beta: UnsafeMutablePointer<Float>
    /// `[K]` each.
    let total: UnsafeMutablePointer<Float>
    let running: UnsafeMutablePointer<Float>

    init(_ base: UnsafeMutablePointer<Float>, count n: Int, _ shape: DeltaRuleShape) {
      let (k, v) = (n * shape.keyDimension, n * shape.valueDimension)
      unsafe total = unsafe base
      unsafe running = total + shape.keyDimension
      unsafe keys = running + shape.keyDimension
      unsafe queries = keys + k
      unsafe decay = queries + k
      unsafe ending = decay + k
      unsafe held = ending + ck_delta_stride(n) * shape.keyDimension
      unsafe byKeys = held + v
      unsafe byQueries = byKeys + n * n
      unsafe beta = byQueries + n * n
    }
  }

  /// Computes `rows` tokens and leaves the state after the last in `state` (`[K × V]`).
  func run(
    _ inputs: DeltaInputs, rows: Int, state: UnsafeMutablePointer<Float>, workspace: UnsafeMutablePointer<Float>
  ) {
    if rows < Self.minimumLength {
      for row in 0..<rows { unsafe stepOnce(inputs, row: row, state: state, decay: workspace) }
      return
    }
    for first in stride(from: 0, to: rows, by: length) {
      let count = min(length, rows - first)
      unsafe runChunk(
        inputs, first: first, count: count, state: state, Buffers(workspace, count: count, shape))
    }
  }

  private func stepOnce(
    _ inputs: DeltaInputs, row: Int, state: UnsafeMutablePointer<Float>, decay: UnsafeMutablePointer<Float>
  ) {
    unsafe copyDecay(inputs, row: row, to: decay)
    unsafe ck_delta_step(
      state, inputs.out + row * inputs.outStride, inputs.q + row * inputs.qStride, inputs.k + row * inputs.kStride,
      inputs.v + row * inputs.vStride, decay, inputs.beta[row * inputs.betaStride], valueDimension, keyDimension)
  }

  private func copyDecay(_ inputs: DeltaInputs, row: Int, to decay: UnsafeMutablePointer<Float>) {
    let source = unsafe inputs.decay + row * inputs.decayStride
    if unsafe inputs.isPerChannel {
      unsafe decay.update(from: source, count: keyDimension)
    } else {
      unsafe decay.update(repeating: source.pointee, count: keyDimension)
    }
  }

  /// One chunk. With `D[t,s]` the product of the decays after token `s` up to token `t`, and 0 for the state before the
  /// chunk, what the tokens write, `u`, solves a unit lower triangular system; the rest are products:
  ///
  ///     u[t] = β[t] (v[t] − S·(D[t,0] k[t]) − Σ_{s < t} (k[t]·D[t,s] k[s]) u[s])
  ///     y[t] = S·(D[t,0] q[t]) + Σ_{s ≤ t} (q[t]·D[t,s] k[s]) u[s]
  ///     S    = S·diag(D[last,0]) + Σ_s u[s] ⊗ (D[last,s] k[s])
  private func runChunk(
    _ inputs: DeltaInputs, first: Int, count: Int, state: UnsafeMutablePointer<Float>, _ space: Buffers
  ) {
    let (k, v) = (keyDimension, valueDimension)
    unsafe gather(inputs, first: first, count: count, into: space)
    unsafe ck_delta_products(
      space.byKeys, space.byQueries, space.ending, space.total, space.queries, space.keys, space.decay, space.beta,
      space.running, count, k)
    let out = unsafe inputs.out + first * inputs.outStride
    unsafe ck_gemm(space.held, v, space.keys, k, 1, state, v, count, v, k, 0)
    unsafe ck_gemm(out, inputs.outStride, space.queries, k, 1, state, v, count, v, k, 0)
    unsafe ck_delta_surprise(
      space.held, inputs.v + first * inputs.vStride, inputs.vStride, space.beta, count, v)
    unsafe solveUnitLower(space.byKeys, rows: count, space.held, columns: v)
    unsafe ck_gemm(out, inputs.outStride, space.byQueries, count, 1, space.held, v, count, v, count, 1)
    unsafe ck_multiply_rows(state, space.total, k, v)
    unsafe ck_gemm(state, v, space.ending, ck_delta_stride(count), 1, space.held, v, k, v, count, 1)
  }

  /// Copies the inputs that a chunk reads several times: rows of the step lie so far apart that they evict each other
  /// from the cache.
  private func gather(_ inputs: DeltaInputs, first: Int, count: Int, into space: Buffers) {
    for row in 0..<count {
      let from = first + row
      unsafe (space.keys + row * keyDimension).update(from: inputs.k + from * inputs.kStride, count: keyDimension)
      unsafe (space.queries + row * keyDimension).update(from: inputs.q + from * inputs.qStride, count: keyDimension)
      unsafe copyDecay(inputs, row: from, to: space.decay + row * keyDimension)
      unsafe space.beta[row] = inputs.beta[from * inputs.betaStride]
    }
  }
}
