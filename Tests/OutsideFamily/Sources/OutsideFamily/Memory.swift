import InferKit

/// A mixer with state of its own: `down(s)`, where `s ← s + σ(gate(x)) · (up(x) − s)` from token to token (minGRU: Feng et al.
/// 2024, arXiv 2410.01201, §3.1).
struct Memory: Mixer {
  let inner: Linear
  let down: Linear
  let hidden: Int
  let state: StateHandle

  init(_ weights: WeightScope, width: Int, hidden: Int, state layout: inout StateLayout) throws(ModelError) {
    inner = try Linear(
      [.init(weights["gate_proj"], output: hidden), .init(weights["up_proj"], output: hidden)], input: width, bias: true
    )
    down = try Linear(weights["down_proj"], input: hidden, output: width, bias: true, role: .down)
    state = layout.add(.recurrent(count: hidden))
    self.hidden = hidden
  }

  var letter: Character { "R" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    var both = step.take(rows: x.count, columns: 2 * hidden)
    inner.apply(x, into: &both, step)
    do {
      var gates = both.columns(0..<hidden)
      sigmoid(&gates, step)
    }
    var kept = step.take(rows: x.count, columns: hidden)
    // Channels know nothing of each other: a few of them are a part, which one thread computes.
    let parts = hidden.isMultiple(of: 16) ? hidden / 16 : 1
    recurrence(both.rows, state: state, parts: parts, into: &kept, step) { part, x, kept, state in
      let first = part * state.count
      for row in 0..<x.count {
        let token = x[row]
        var values = kept.row(row)
        for channel in 0..<state.count {
          let (gate, value) = (token[first + channel], token[hidden + first + channel])
          state[channel] += gate * (value - state[channel])
          values[channel] = state[channel]
        }
      }
    }
    down.apply(kept.rows, into: &out, step)
  }
}
