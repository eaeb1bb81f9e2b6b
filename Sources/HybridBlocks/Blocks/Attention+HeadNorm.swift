public import InferCore

extension Attention {
  /// The norms of query and key heads, and their order with rotation.
  public enum HeadNorm: Sendable {
    /// Before rotation (Qwen3, Hy3).
    case beforeRotation(query: RMSNorm, key: RMSNorm)
    /// After rotation (Hunyuan V1, T1).
    case afterRotation(query: RMSNorm, key: RMSNorm)

    /// The norms, whatever their order.
    private var both: (query: RMSNorm, key: RMSNorm) {
      switch self {
      case .beforeRotation(let query, let key), .afterRotation(let query, let key): (query, key)
      }
    }

    /// The norms of all heads together of ranks that have some of them; none where every head is normalised by itself.
    ///
    /// - Parameters:
    ///   - queries: the rank's columns of queries.
    ///   - keys: the rank's columns of keys.
    ///   - ranks: the number of ranks.
    ///   - headDimension: the width of a head.
    func spread(queries: Range<Int>, keys: Range<Int>, over ranks: Int, headDimension: Int) -> [SpreadNorm] {
      let (query, key) = both
      guard ranks > 1, query.headDimension == nil,
        query.weight.count != headDimension || key.weight.count != headDimension
      else { return [] }
      // Where there are fewer key heads than ranks, several ranks have the same one.
      let copies = max(1, ranks / (key.weight.count / headDimension))
      return [
        SpreadNorm(
          columns: 0..<queries.count, of: query.weight.count, weight: query.weight.parts([queries]),
          epsilon: query.epsilon),
        SpreadNorm(
          columns: queries.count..<queries.count + keys.count, of: key.weight.count * copies,
          weight: key.weight.parts([keys]), epsilon: key.epsilon),
      ]
    }

    /// The norms of some columns of queries and of keys.
    func of(queries: Range<Int>, keys: Range<Int>) -> Self {
      switch self {
      case .beforeRotation(let query, let key): .beforeRotation(query: query.of(queries), key: key.of(keys))
      case .afterRotation(let query, let key): .afterRotation(query: query.of(queries), key: key.of(keys))
      }
    }

    /// Reads `q_norm` and `k_norm`, `[headDimension]` each, of norms before rotation.
    public static func usual(_ weights: WeightScope, headDimension: Int, epsilon: Float) throws(ModelError) -> Self {
      .beforeRotation(
        query: try RMSNorm(weights["q_norm"], width: headDimension, epsilon: epsilon),
        key: try RMSNorm(weights["k_norm"], width: headDimension, epsilon: epsilon))
    }
  }
}
