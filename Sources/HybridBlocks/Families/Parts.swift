public import InferCore

// Parts of configurations and checkpoints that several families have in common.

extension ConfigReader {
  /// The sizes of an attention layer's heads.
  ///
  /// - Parameters:
  ///   - width: the width of the residual stream.
  ///   - bias: whether all four projections have biases.
  public func attentionShape(width: Int, bias: Bool) throws(ModelError) -> Attention.Shape {
    let queryHeads = try size("num_attention_heads")
    let keyHeads = try size("num_key_value_heads", default: queryHeads)
    try require(queryHeads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(queryHeads) heads")
    let headDimension: Int
    if has("head_dim") || has("attention_head_dim") {
      headDimension = try size("head_dim", "attention_head_dim")
      ignore(["attention_head_dim"])
    } else {
      try require(
        width % queryHeads == 0, "num_attention_heads", "\(queryHeads) does not divide the width \(width)")
      headDimension = width / queryHeads
      derive("head_dim", from: "num_attention_heads")
    }
    return Attention.Shape(
      width: width, queryHeads: queryHeads, keyHeads: keyHeads, headDimension: headDimension, bias: bias,
      outputBias: bias)
  }

  /// The number of experts that a token is sent to in a layer.
  public func chosenExperts(_ key: String = "num_experts_per_tok", of experts: Int) throws(ModelError) -> Int {
    let topK = try size(key)
    try require(topK <= experts, key, "\(topK) of \(experts) experts")
    return topK
  }

  /// Refuses a window of attention that hides something: one that is shorter than the context.
  ///
  /// - Parameters:
  ///   - contextLength: tokens of the longest sequence.
  ///   - fallback: the window of models whose file does not mention any; where it says null, there is none.
  public func expectNoSlidingWindow(contextLength: Int, default fallback: Int? = nil) throws(ModelError) {
    let window = try optionalLength("sliding_window", default: fallback)
    guard try flag("use_sliding_window", default: true), let window else { return }
    try require(
      window >= contextLength, "sliding_window",
      "\(has("sliding_window") ? "is" : "is missing, which stands for") \(window) tokens of a context of "
        + "\(contextLength); windows are not supported here, expected null")
  }

  /// Refuses layers with a window of attention shorter than the context; see ``expectNoSlidingWindow(contextLength:default:)``.
  public func expectFullAttention(contextLength: Int, window: Int? = nil) throws(ModelError) {
    try expectNoSlidingWindow(contextLength: contextLength, default: window)
    guard let kinds = try strings("layer_types") else { return }
    try require(
      kinds.allSatisfy { $0 == "full_attention" }, "layer_types", "expected full_attention in every layer")
  }
}

extension ResidualBlock {
  /// A block with norms of the given names in its layer.
  ///
  /// - Parameters:
  ///   - layer: the scope of the layer.
  ///   - norm: the name of the norm before the mixer; `nil` for none.
  ///   - outputNorm: the name of the norm behind it; `nil` for none.
  ///   - frame: the kind, width and ε of the norms.
  ///   - mixer: the mixer.
  ///   - scale: the factor on what is added.
  public init(
    _ layer: WeightScope, norm: String?, outputNorm: String? = nil, _ frame: ModelFrame, _ mixer: any Mixer,
    scale: Float = 1
  ) throws(ModelError) {
    var norms: [(any Norm)?] = []
    for name in [norm, outputNorm] {
      if let name { norms.append(try frame.norm(layer[name])) } else { norms.append(nil) }
    }
    self.init(norm: norms[0], mixer: mixer, outputNorm: norms[1], scale: scale)
  }
}
