public import InferCore

// Parts of configurations that families with recurrent layers have in common.

extension ConfigReader {
  /// The longest sequence of a model whose state has one size however long a sequence is, and whose configuration names
  /// no limit.
  public static let unlimitedContext = 1 << 20

  /// Sizes of a Mamba-2 layer, as Granite, Bamba and Falcon-H1 spell them.
  public func mamba2Shape(width: Int) throws(ModelError) -> Mamba2.Shape {
    try expectNoTimeStepLimit()
    let heads = try size("mamba_n_heads")
    let groups = try size("mamba_n_groups", default: 1)
    try require(heads % groups == 0, "mamba_n_groups", "\(groups) does not divide \(heads) heads")
    let headDimension: Int
    if has("mamba_d_head") && (try? string("mamba_d_head")) != "auto" {
      headDimension = try size("mamba_d_head")
      let inner = try size("mamba_d_ssm", default: heads * headDimension)
      try require(
        inner == heads * headDimension, "mamba_d_ssm", "\(inner) channels, but \(heads) heads of \(headDimension)")
    } else {
      let inner = has("mamba_d_ssm") ? try size("mamba_d_ssm") : try size("mamba_expand", default: 2) * width
      try require(inner % heads == 0, "mamba_n_heads", "\(heads) does not divide \(inner) channels")
      headDimension = inner / heads
    }
    let hasBias = try flag("mamba_proj_bias", default: false)
    return Mamba2.Shape(
      width: width, heads: heads, headDimension: headDimension, groups: groups,
      stateSize: try size("mamba_d_state"), taps: try size("mamba_d_conv", default: 4),
      convolutionBias: try flag("mamba_conv_bias", default: true), inputBias: hasBias, outputBias: hasBias)
  }

  /// Refuses limits on Mamba-2's time steps: implementations keep to them in prompts and not in what follows, so that there
  /// is no one thing that such a model computes.
  func expectNoTimeStepLimit() throws(ModelError) {
    guard let limits = try limits("time_step_limit") else { return }
    try require(
      limits.lowerBound <= 0 && limits.upperBound == .infinity, "time_step_limit",
      "\(limits.lowerBound) … \(limits.upperBound) is not supported, expected 0 … Infinity")
  }

  /// The rank of Mamba's time steps: a sixteenth of the width, rounded up, unless it is given.
  public func timeStepRank(_ key: String, width: Int) throws(ModelError) -> Int {
    (try? string(key)) == "auto" ? (width + 15) / 16 : try size(key, default: (width + 15) / 16)
  }

  /// A list of exactly `count` numbers above zero, or of ones where there is none.
  func factors(_ key: String, count: Int) throws(ModelError) -> [Float] {
    guard has(key) else { return Array(repeating: 1, count: count) }
    let factors = try positives(key).map { Float($0) }
    try require(
      factors.count == count && factors.allSatisfy(\.isFinite), key,
      "\(factors), expected \(count) numbers within single precision")
    return factors
  }
}
