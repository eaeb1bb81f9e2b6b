internal import InferCore

// Parts of configurations and checkpoints that several families have in common.

extension ConfigReader {
  /// The layer's query, key and value heads.
  func attentionShape(width: Int, bias: Bool) throws(ModelError) -> Attention.Shape {
    let queryHeads = try size("num_attention_heads")
    let keyHeads = try size("num_key_value_heads", default: queryHeads)
    try require(queryHeads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(queryHeads) heads")
    let headDimension: Int
    if has("head_dim") || has("attention_head_dim") {
      headDimension = try size("head_dim", "attention_head_dim")
      ignore(["attention_head_dim"])
    } else {
      try require(
        width % queryHeads == 0, "num_attention_heads", "\(queryHeads) does not divide hidden_size \(width)")
      headDimension = width / queryHeads
    }
    return Attention.Shape(
      width: width, queryHeads: queryHeads, keyHeads: keyHeads, headDimension: headDimension, bias: bias)
  }

  /// Rotary positions: `rope_parameters`, or `rope_theta` and `rope_scaling` in older files. Of the scaled kinds only
  /// Hunyuan's is known: `dynamic` with `alpha`, which is a static change of base.
  func rotary(headDimension: Int, contextLength: Int, theta: Double? = nil) throws(ModelError) -> RotaryEmbedding {
    try require(headDimension % 2 == 0, "head_dim", "\(headDimension) is odd, rotary positions need pairs")
    // Far beyond any model, and little memory for the tables of cosines and sines.
    try require(headDimension <= 1 << 12, "head_dim", "\(headDimension), expected at most \(1 << 12)")
    try require(
      contextLength <= (1 << 32) / headDimension, "max_position_embeddings",
      "\(contextLength) positions are too many for heads of \(headDimension)")
    let parameters = has("rope_parameters") ? try object("rope_parameters") : try object("rope_scaling")
    let base: Double
    if let parameters, parameters.has("rope_theta") {
      base = try parameters.positive("rope_theta")
    } else {
      base = try positive("rope_theta", default: theta)
    }
    // Models that rotate a part of each head are other families.
    for reader in [self, parameters].compactMap(\.self) {
      let part = try reader.number("partial_rotary_factor", default: 1)
      try reader.require(part == 1, "partial_rotary_factor", "\(part), expected 1: whole heads are rotated")
    }
    guard let parameters else {
      return RotaryEmbedding(dimension: headDimension, base: base, contextLength: contextLength)
    }
    let kind = try parameters.string("rope_type", "type", default: "default")
    // Read by other kinds of scaling only; `factor` is 1 in every Hunyuan model.
    parameters.ignore(["factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"])
    switch kind {
    case "default":
      return RotaryEmbedding(dimension: headDimension, base: base, contextLength: contextLength)
    case "dynamic" where parameters.has("alpha"), "ntk_alpha":
      let scaled = RotaryEmbedding.scaledBase(
        base, alpha: try parameters.positive("alpha"), dimension: headDimension)
      try require(
        scaled.isFinite && scaled > 0, "rope_scaling", "alpha makes the base \(scaled) for heads of \(headDimension)")
      return RotaryEmbedding(dimension: headDimension, base: scaled, contextLength: contextLength)
    default:
      throw .configuration(
        key: "rope_scaling", reason: "type \(kind) is not supported, expected default, or dynamic with alpha")
    }
  }

  /// Refuses windows of attention that are switched on.
  func expectNoSlidingWindow() throws(ModelError) {
    let isUsed = try flag("use_sliding_window", default: has("sliding_window"))
    try expect("use_sliding_window", isUsed && has("sliding_window"), is: false)
  }
}

extension Experts {
  /// Reads experts that stand one by one on disk, `E.{gate_proj,up_proj,down_proj}`, or without gate.
  init(
    _ weights: WeightScope, count: Int, width: Int, hidden: Int, activation: Activation
  ) throws(ModelError) {
    let names = activation == .siluGated ? ["gate_proj", "up_proj"] : ["up_proj"]
    var (first, second): ([[PackedMatrix]], [PackedMatrix]) = ([], [])
    for expert in 0..<count {
      var matrices: [PackedMatrix] = []
      for name in names {
        matrices.append(try weights[expert][name].matrix("weight", rows: hidden, columns: width))
      }
      first.append(matrices)
      second.append(try weights[expert]["down_proj"].matrix("weight", rows: width, columns: hidden, role: .down))
    }
    try self.init(first: first, second: second, activation: activation)
  }
}

extension ResidualSublayer {
  /// A sub-layer whose norm is `norm` of its layer.
  init(_ layer: WeightScope, norm: String, _ frame: ModelFrame, _ mixer: any Mixer, scale: Float = 1) throws(ModelError)
  {
    self.init(
      norm: try RMSNorm(layer[norm], width: frame.width, epsilon: frame.epsilon), mixer: mixer, scale: scale)
  }
}
