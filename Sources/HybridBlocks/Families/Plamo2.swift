internal import Glibc
internal import InferCore

/// PLaMo 2: Mamba by heads and attention in turn, in most layers within a window, whose heads have norms with weights of their own;
/// norms on both sides of every mixer.
struct Plamo2: ModelFamily {
  static let models = "PLaMo 2"
  static let layers = "Mamba-2 with selection as in Mamba, attention in windows"
  static let modelTypes = ["plamo2"]
  /// Images, ways to compute and to evaluate, and a second name of the window.
  static let inertKeys = [
    "eval_attention_n_bit", "eval_mlp_n_bit", "fp8_accum_dtype", "image_feature_size", "image_proj_type",
    "image_token_id", "mamba_chunk_size", "sliding_window",
  ]

  let frame: ModelFrame
  /// One a layer.
  let isMamba: [Bool]
  let mamba: HeadMamba.Shape
  let attention: Attention.Shape
  /// The layers whose attention sees everything.
  let wholeLayers: Set<Int>
  let window: Int?
  let rotary: RotaryEmbedding
  let hidden: Int

  var layerCount: Int { isMamba.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6, tiedByDefault: true, contextLength: 2048)
    try config.expect("linear_type", try config.string("linear_type", default: "normal"), is: "normal")
    isMamba = try Self.mambaLayers(config)
    let size = try config.size("hidden_size_per_head", "head_dim", default: 128)
    let heads = try config.size("num_attention_heads", default: 32)
    let keyHeads = try config.size("num_key_value_heads", default: 4)
    try config.require(heads % keyHeads == 0, "num_key_value_heads", "\(keyHeads) does not divide \(heads) heads")
    attention = Attention.Shape(width: frame.width, queryHeads: heads, keyHeads: keyHeads, headDimension: size)
    wholeLayers = try config.indices("full_attention_idx")
    // A row sees so many rows behind its own.
    window = try config.optionalLength("attention_window_size", default: 2048).map { $0 + 1 }
    rotary = try config.rotary(
      headDimension: size, contextLength: frame.contextLength, theta: 10_000, key: "hidden_size_per_head")
    mamba = HeadMamba.Shape(
      width: frame.width, heads: try config.size("mamba_num_heads", default: 64), headDimension: size,
      stateSize: try config.size("mamba_d_state", default: 64), timeStepRank: max(64, frame.width / 16),
      taps: try config.size("mamba_d_conv", default: 4))
    hidden = try config.size("intermediate_size")
  }

  /// Whether each layer is one of Mamba: all but the middle one of every so many.
  private static func mambaLayers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let period = try config.size("mamba_step", default: 2)
    let isEnabled = try config.flag("mamba_enabled", default: true)
    return try config.layerTypes(count, of: ["mamba", "attention"]) { layer in
      let middle = count <= period / 2 ? layer == count - 1 : layer % period == period / 2
      return isEnabled && !middle ? "mamba" : "attention"
    }.map { $0 == "mamba" }
  }

  /// Norms are stored as differences from what they began with.
  var storedForms: [StoredForm] {
    [.decayRates] + ["norm", "pre_mixer_norm", "pre_mlp_norm"].flatMap(StoredForm.normFromOne)
      + StoredForm.normFrom(1 / 5, "post_mixer_norm") + StoredForm.normFrom(pow(5, -1.5), "post_mlp_norm")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isMamba.indices {
      let layer = weights["model"]["layers"]["layers"][index]
      let mixer: any Mixer =
        isMamba[index]
        ? try HeadMamba(layer["mixer"], mamba, epsilon: frame.epsilon, state: &state)
        : try attention(layer["mixer"], index, &state)
      let network = try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
      layers.append(
        Layer(
          ResidualBlock(
            norm: try frame.norm(layer["pre_mixer_norm"]), mixer: mixer,
            outputNorm: try frame.norm(layer["post_mixer_norm"])),
          ResidualBlock(
            norm: try frame.norm(layer["pre_mlp_norm"]), mixer: network,
            outputNorm: try frame.norm(layer["post_mlp_norm"]))))
    }
    return layers
  }

  private func attention(
    _ weights: WeightScope, _ index: Int, _ state: inout StateLayout
  ) throws(ModelError) -> Attention {
    var shape = attention
    shape.window = wholeLayers.contains(index) ? nil : window
    func norm(_ name: String, heads: Int) throws(ModelError) -> RMSNorm {
      var norm = RMSNorm(
        weight: try weights.floats(name, shape: [heads, shape.headDimension]), epsilon: 1e-6)
      norm.headDimension = shape.headDimension
      return norm
    }
    return try Attention(
      weights, shape, rotary: rotary,
      headNorm: .beforeRotation(
        query: try norm("q_weight", heads: shape.queryHeads), key: try norm("k_weight", heads: shape.keyHeads)),
      state: &state)
  }
}
