import Foundation

extension Plain {
  /// Causal depthwise convolution of a whole sequence, then SiLU unless that is not wanted; before the first row there are zeros.
  ///
  /// - Parameters:
  ///   - x: `[time][channel]`.
  ///   - weight: `[tap][channel]`, the oldest tap first.
  public static func convolution(
    _ x: [[Float]], weight: [[Float]], bias: [Float]?, hasSiLU: Bool = true
  ) -> [[Double]] {
    x.indices.map { time in
      x[time].indices.map { channel in
        var sum = Double(bias?[channel] ?? 0)
        for tap in weight.indices {
          let from = time - (weight.count - 1) + tap
          if from >= 0 { sum += Double(weight[tap][channel]) * Double(x[from][channel]) }
        }
        return hasSiLU ? silu(sum) : sum
      }
    }
  }

  /// What a Mamba-2 scan reads: `x[time][head · P]`, `b` and `c[time][group · N]`, `dt[time][head]`.
  public struct ScanInput {
    public var x: [[Float]], b: [[Float]], c: [[Float]], dt: [[Float]]

    /// One row a token.
    public init(x: [[Float]], b: [[Float]], c: [[Float]], dt: [[Float]]) {
      self.x = x
      self.b = b
      self.c = c
      self.dt = dt
    }
  }

  /// The recurrence of Mamba-2, token by token. Returns outputs `[time][head · P]` and the state after each token
  /// `[time][head · N · P]`.
  public static func scan(
    _ input: ScanInput, groups: Int, a: [Float], d: [Float], dtBias: [Float]
  ) -> (out: [[Double]], states: [[Double]]) {
    let heads = a.count
    let (p, n) = (input.x[0].count / heads, input.b[0].count / groups)
    var state = [Double](repeating: 0, count: heads * p * n)
    var (out, states): ([[Double]], [[Double]]) = ([], [])
    for time in input.x.indices {
      var y = [Double](repeating: 0, count: heads * p)
      for head in 0..<heads {
        let group = head / (heads / groups)
        let delta = softplus(Double(input.dt[time][head]) + Double(dtBias[head]))
        let decay = exp(delta * Double(a[head]))
        for i in 0..<p {
          let x = Double(input.x[time][head * p + i])
          var sum = Double(d[head]) * x
          for j in 0..<n {
            let place = (head * n + j) * p + i
            state[place] = decay * state[place] + delta * x * Double(input.b[time][group * n + j])
            sum += state[place] * Double(input.c[time][group * n + j])
          }
          y[head * p + i] = sum
        }
      }
      out.append(y)
      states.append(state)
    }
    return (out, states)
  }

  /// What a Mamba-1 scan reads: `x`, `dt` and `gate[time][channel]`, `b` and `c[time][N]`.
  public struct ChannelScanInput {
    public var x: [[Float]], dt: [[Float]], gate: [[Float]], b: [[Float]], c: [[Float]]

    /// One row a token.
    public init(x: [[Float]], dt: [[Float]], gate: [[Float]], b: [[Float]], c: [[Float]]) {
      self.x = x
      self.dt = dt
      self.gate = gate
      self.b = b
      self.c = c
    }
  }

  /// The recurrence of Mamba-1 with its gate, token by token: outputs `[time][channel]`.
  ///
  /// - Parameter a: `[channel][N]`.
  public static func channelScan(
    _ input: ChannelScanInput, a: [[Float]], d: [Float], dtBias: [Float]
  ) -> [[Double]] {
    var state = a.map { $0.map { _ in 0.0 } }
    return input.x.indices.map { time in
      a.indices.map { channel in
        let x = Double(input.x[time][channel])
        let delta = softplus(Double(input.dt[time][channel]) + Double(dtBias[channel]))
        var sum = Double(d[channel]) * x
        for index in a[channel].indices {
          let kept = exp(delta * Double(a[channel][index])) * state[channel][index]
          state[channel][index] = kept + delta * x * Double(input.b[time][index])
          sum += state[channel][index] * Double(input.c[time][index])
        }
        return sum * silu(Double(input.gate[time][channel]))
      }
    }
  }

  /// Softmax attention of one query head over all keys that it sees.
  public static func attention(
    _ query: [Float], keys: [[Float]], values: [[Float]], scale: Double, cap: Double? = nil, sink: Double? = nil,
    biases: [Double]? = nil
  ) -> [Double] {
    var scores = keys.map { dot(query, $0) * scale }
    if let biases { scores = zip(scores, biases).map { $0 + $1 } }
    // A sink has no value.
    let weights = softmax(
      (cap.map { cap in scores.map { cap * tanh($0 / cap) } } ?? scores) + (sink.map { [$0] } ?? []))
    var sum = [Double](repeating: 0, count: query.count)
    for (weight, value) in zip(weights, values) {
      for index in sum.indices { sum[index] += weight * Double(value[index]) }
    }
    return sum
  }
}
