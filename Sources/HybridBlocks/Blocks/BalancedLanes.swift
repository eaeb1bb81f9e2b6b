internal import InferCore

/// A norm of a sum of the lanes of a residual stream, which matrices mix as they are written (manifold-constrained
/// hyper-connections: Xie et al. 2026, as `Glm5NextTextHyperConnection` of Hugging Face transformers 5.24 has them):
/// `x = norm(Σ preᵢ hᵢ)`, `hⱼ ← Σ mixᵢⱼ hᵢ + postⱼ · mixer(x)`. Weights are the row's own: of a map of all lanes after a norm
/// without weights sigmoids, and the matrix whose rows and columns sum to one.
struct BalancedLanes: LaneConnection {
  let lanes: Int
  /// To the logits of `pre`, `post` and `mix`.
  let map: Linear
  let mapNorm: RMSNorm
  /// Of each logit.
  let scale: [Float]
  let base: [Float]
  /// The number of times that sums of columns are made one.
  let iterations: Int
  /// The number added to the weights of reading, and to the elements and sums of matrices.
  let epsilon: Float
  let norm: any Norm

  /// Reads `fn`, `[(2 + lanes) · lanes × lanes · width]`, `base`, `[(2 + lanes) · lanes]`, and `scale`, `[3]`.
  ///
  /// - Parameters:
  ///   - weights: the scope of the tensors.
  ///   - name: the beginning of their names.
  ///   - lanes: the number of lanes.
  ///   - width: the width of a lane.
  ///   - iterations: the number of times that sums of columns are made one.
  ///   - epsilon: what is added to weights, and ε of the norm before the map.
  ///   - norm: the norm of the sum.
  init(
    _ weights: WeightScope, name: String, lanes: Int, width: Int, iterations: Int,
    epsilon: (weights: Float, norm: Float), norm: any Norm
  ) throws(ModelError) {
    let counts = [lanes, lanes, lanes * lanes]
    let count = counts.reduce(0, +)
    let scales = try weights.vector("\(name)_scale", count: counts.count)
    self.lanes = lanes
    map = Linear([try weights.matrix("\(name)_fn", rows: count, columns: lanes * width, role: .exact)])
    mapNorm = RMSNorm(unweighted: lanes * width, epsilon: epsilon.norm)
    base = try weights.vector("\(name)_base", count: count)
    scale = zip(scales, counts).flatMap { Array(repeating: $0, count: $1) }
    self.iterations = iterations
    self.epsilon = epsilon.weights
    self.norm = norm
  }

  /// `post` and `mix`.
  var factorCount: Int { lanes + lanes * lanes }

  func read(_ stream: Rows, into x: inout MutableRows, factors: inout MutableRows, _ step: borrowing Step) {
    var normed = step.take(rows: stream.count, columns: stream.columns)
    mapNorm.apply(stream, into: &normed, step)
    var logits = step.take(rows: stream.count, columns: lanes + factorCount)
    map.apply(normed.rows, into: &logits, step)
    scaleColumns(&logits, by: scale, step)
    addBias(base, to: &logits, step)
    do {
      var sigmoids = logits.columns(0..<2 * lanes)
      sigmoid(&sigmoids, step)
    }
    do {
      var mix = logits.columns(2 * lanes..<lanes + factorCount)
      balance(&mix, lanes: lanes, iterations: iterations, epsilon: epsilon, step)
    }
    var pre = step.take(rows: stream.count, columns: lanes)
    assign(epsilon, to: &pre, step)
    add(logits.rows.columns(0..<lanes), to: &pre, step)
    var sum = step.take(rows: stream.count, columns: x.columns)
    addLanes(stream, weights: pre.rows, into: &sum, step)
    norm.apply(sum.rows, into: &x, step)
    assign(logits.rows.columns(lanes..<lanes + factorCount), scale: 1, to: &factors, step)
    var post = factors.columns(0..<lanes)
    InferCore.scale(&post, by: 2, step)
  }

  func write(_ y: Rows, factors: Rows, to stream: inout MutableRows, _ step: borrowing Step) {
    mixLanes(&stream, by: factors.columns(lanes..<factorCount), lanes: lanes, step)
    addToLanes(y, weights: factors.columns(0..<lanes), of: &stream, step)
  }
}

/// Lanes that begin alike and end as their mean.
struct LaneMean: StreamLanes {
  let count: Int

  func begin(_ stream: inout MutableRows, _ step: borrowing Step) { copyFirst(&stream, step) }

  func end(_ stream: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var shares = step.take(rows: stream.count, columns: count)
    assign(1 / Float(count), to: &shares, step)
    addLanes(stream, weights: shares.rows, into: &out, step)
  }
}
