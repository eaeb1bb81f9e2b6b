internal import Glibc
public import InferCore

// Forms in which the checkpoints of several families store what blocks read.

/// The rate of decay `A = −exp(A_log)` of its logarithm: a state decays by `exp(A · Δ)`.
func decayRate(logarithm: Float) -> Float { -exp(logarithm) }

extension StoredForm {
  /// Rates of decay `A`, stored as `A_log`, their logarithms.
  public static let decayRates = StoredForm("A", from: "A_log") { stored in
    .computed([stored], name: stored.name, shape: stored.shape) { $0[0].map(decayRate) }
  }

  /// Rates of decay `A` of some heads, stored as `A_log`, their logarithms, in another shape.
  public static func decayRates(of heads: Int, storedAs shape: [Int]) -> StoredForm {
    StoredForm("A", from: "A_log", shape: shape) { stored in
      .computed([stored], name: stored.name, shape: [heads]) { $0[0].map(decayRate) }
    }
  }

  /// The weights of a norm, stored as their differences from one; or under `scale` as they are, which is how the files of
  /// llama.cpp are read.
  public static func normFromOne(_ norm: String) -> [StoredForm] { normFrom(1, norm) }

  /// The same with differences from another number.
  static func normFrom(_ number: Float, _ norm: String) -> [StoredForm] {
    [
      StoredForm("\(norm).weight", from: "\(norm).weight") { stored in
        .computed([stored], name: stored.name, shape: stored.shape) { $0[0].map { $0 + number } }
      },
      StoredForm("\(norm).weight", from: "\(norm).scale"),
    ]
  }
}

extension LatentAttention.Shape {
  /// The maps from the latent vector to keys and values, stored as one matrix `kv_b_proj`: for each head the rows that make
  /// its key above those that make its value.
  public var storedForms: [StoredForm] {
    let (keys, rows, shape) = (
      keyDimension, keyDimension + valueDimension, [heads * (keyDimension + valueDimension), latentDimension]
    )
    return [
      StoredForm("k_b_proj.weight", from: "kv_b_proj.weight", shape: shape) { stored throws(ModelError) in
        try stored.rows(0..<keys, ofEach: rows, name: stored.name).transposed(stored.name)
      },
      StoredForm("v_b_proj.weight", from: "kv_b_proj.weight", shape: shape) { stored in
        stored.rows(keys..<rows, ofEach: rows, name: stored.name)
      },
    ]
  }
}
