internal import Glibc

/// Attention of every row to the lanes of its own stream, by queries that all rows have in common: lanes are normalised without
/// weights, and are keys and values at once. `outⱼ = Σᵢ softmaxᵢ(queryⱼ · laneᵢ / √width) · laneᵢ` (Inkling 2).
///
/// - Parameters:
///   - stream: `[rows × lanes · width]`.
///   - queries: `[queries × width]`.
///   - epsilon: ε of the norm.
///   - isRaw: `true` for sums of lanes as they are, and scores that are not divided by √width (Kimi K3).
///   - out: `[rows × queries · width]`.
///   - step: the step.
package func attendToLanes(
  _ stream: Rows, queries: [Float], width: Int, epsilon: Float, isRaw: Bool = false, into out: inout MutableRows,
  _ step: borrowing Step
) {
  let (lanes, count) = (stream.columns / width, queries.count / width)
  precondition(
    lanes > 0 && stream.columns == lanes * width && queries.count == count * width && out.columns == queries.count
      && out.count == stream.count, "\(stream.columns) columns in lanes of \(width), \(queries.count) of queries")
  let scores = step.take(rows: stream.count, columns: lanes * (count + 1))
  let root = isRaw ? 1 : 1 / Float(width).squareRoot()
  unsafe queries.withUnsafeBufferPointer { queries in
    unsafe forEachRow(stream.count, step) { row in
      let from = unsafe stream.base + row * stream.stride
      let to = unsafe out.base + row * out.stride
      // Of each lane the factor of its norm, and then for each query the weights of all lanes.
      let factors = unsafe scores.base + row * scores.stride
      let weights = unsafe factors + lanes
      for lane in 0..<lanes {
        let values = unsafe from + lane * width
        var square: Float = 0
        for index in 0..<width { square += unsafe values[index] * values[index] }
        unsafe factors[lane] = 1 / (square / Float(width) + epsilon).squareRoot()
        for query in 0..<count {
          var dot: Float = 0
          for index in 0..<width { dot += unsafe queries[query * width + index] * values[index] }
          unsafe weights[query * lanes + lane] = dot * factors[lane] * root
        }
      }
      unsafe to.update(repeating: 0, count: count * width)
      for query in 0..<count {
        let own = unsafe weights + query * lanes
        var (largest, sum): (Float, Float) = (-.infinity, 0)
        for lane in 0..<lanes { largest = max(largest, unsafe own[lane]) }
        for lane in 0..<lanes {
          unsafe own[lane] = expf(own[lane] - largest)
          sum += unsafe own[lane]
        }
        for lane in 0..<lanes {
          let weight = unsafe own[lane] / sum * (isRaw ? 1 : factors[lane])
          for index in 0..<width { unsafe to[query * width + index] += weight * from[lane * width + index] }
        }
      }
    }
  }
}
