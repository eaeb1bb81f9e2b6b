import Foundation

extension Plain {
  /// What a gated delta rule reads: `q` and `k` `[time][keyHead · K]`, `v[time][head · V]`, `decay[time][head]` or
  /// `[time][head · K]`, `beta[time][head]`.
  public struct DeltaInput {
    public var q: [[Float]], k: [[Float]], v: [[Float]], decay: [[Float]], beta: [[Float]]

    /// One row a token.
    public init(q: [[Float]], k: [[Float]], v: [[Float]], decay: [[Float]], beta: [[Float]]) {
      self.q = q
      self.k = k
      self.v = v
      self.decay = decay
      self.beta = beta
    }
  }

  /// The recurrence of the gated delta rule, token by token. Returns outputs `[time][head · V]` and the state after each
  /// token `[time][head · K · V]`. Value heads of one key head stand together, or where `tilesValues`, `keyHeads` apart.
  public static func gatedDeltaRule(
    _ input: DeltaInput, keyHeads: Int, tilesValues: Bool = false
  ) -> (out: [[Double]], states: [[Double]]) {
    let heads = input.beta[0].count
    let (keys, values) = (input.k[0].count / keyHeads, input.v[0].count / heads)
    let decays = input.decay[0].count / heads
    var state = [Double](repeating: 0, count: heads * values * keys)
    var (out, states): ([[Double]], [[Double]]) = ([], [])
    for time in input.v.indices {
      var y = [Double](repeating: 0, count: heads * values)
      for head in 0..<heads {
        let first = (tilesValues ? head % keyHeads : head / (heads / keyHeads)) * keys
        for i in 0..<values {
          func place(_ j: Int) -> Int { (head * keys + j) * values + i }
          var held = 0.0
          for j in 0..<keys {
            state[place(j)] *= Double(input.decay[time][head * decays + j % decays])
            held += state[place(j)] * Double(input.k[time][first + j])
          }
          let update = Double(input.beta[time][head]) * (Double(input.v[time][head * values + i]) - held)
          for j in 0..<keys {
            state[place(j)] += update * Double(input.k[time][first + j])
            y[head * values + i] += state[place(j)] * Double(input.q[time][first + j])
          }
        }
      }
      out.append(y)
      states.append(state)
    }
    return (out, states)
  }
}
