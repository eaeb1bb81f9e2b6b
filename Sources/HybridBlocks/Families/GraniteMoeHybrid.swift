internal import InferCore

/// Granite with experts: Mamba-2 or attention, then experts beside a shared feed-forward, each branch scaled. Without
/// experts the shared feed-forward stands alone; without Mamba layers it is a plain transformer. In Granite 3 every layer
/// is attention with rotary positions, and only some models have the shared feed-forward.
struct GraniteMoeHybrid: ModelFamily {
  static let models = "Granite 4, Granite 4 H, Granite 3 MoE"
  static let layers = "Mamba-2, attention, experts"
  static let modelTypes = ["granitemoehybrid", "granitemoe", "granitemoeshared"]
  static let inertKeys = ["init_method", "mamba_chunk_size", "mamba_expand", "time_step_limit"]

  let frame: ModelFrame
  let isMamba: [Bool]
  let mamba: Mamba2.Shape?
  let attention: Attention.Shape
  let attentionScale: Float
  let rotary: RotaryEmbedding?
  let residualScale: Float
  let selection: ExpertSelection?
  let expertWidth: Int
  let sharedWidth: Int

  var layerCount: Int { isMamba.count }

  init(_ config: ConfigReader) throws(ModelError) {
    var frame = try ModelFrame(config)
    frame.embeddingScale = try config.number("embedding_multiplier", default: 1)
    frame.logitScale = 1 / Float(try config.positive("logits_scaling", default: 1))
    self.frame = frame
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let norm = try config.string("normalization_function", default: "rmsnorm")
    try config.expect("normalization_function", norm, is: "rmsnorm")
    isMamba = try Self.layers(config)
    mamba = isMamba.contains(true) ? try config.mamba2Shape(width: frame.width) : nil
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    attentionScale = try config.number("attention_multiplier", default: 1)
    let isHybrid = try config.string("model_type") == "granitemoehybrid"
    let positions = try config.string("position_embedding_type", default: isHybrid ? "nope" : "rope")
    try config.require(["rope", "nope"].contains(positions), "position_embedding_type", "\(positions) is unknown")
    rotary =
      positions == "rope"
      ? try config.rotary(
        headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 1)
      : nil
    config.ignore(["rope_parameters", "rope_theta", "rope_scaling", "num_experts_per_tok"])
    config.ignore(
      ["d_conv", "d_head", "d_state", "n_groups", "n_heads", "conv_bias", "proj_bias"].map { "mamba_" + $0 })
    residualScale = try config.number("residual_multiplier", default: 1)
    let experts = try config.count("num_local_experts", default: 0)
    if experts > 0 {
      let topK = try config.chosenExperts(of: experts)
      selection = ExpertSelection(expertCount: experts, topK: topK, scoring: .softmaxOfChosen)
    } else {
      selection = nil
    }
    expertWidth = selection == nil ? 0 : try config.size("intermediate_size")
    config.ignore(["intermediate_size"])
    sharedWidth = try config.count("shared_intermediate_size", default: isHybrid ? nil : 0)
    try config.require(
      sharedWidth > 0 || selection != nil, "shared_intermediate_size", "is 0, and there are no experts")
  }

  /// Whether each layer is a Mamba layer.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let kinds = try config.strings("layer_types") ?? Array(repeating: "attention", count: count)
    let names = ["mamba": true, "linear_attention": true, "attention": false, "full_attention": false]
    let isMamba = kinds.compactMap { names[$0] }
    try config.require(
      kinds.count == count && isMamba.count == count, "layer_types",
      "expected \(count) of mamba (linear_attention) or attention (full_attention)")
    return isMamba
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isMamba.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isMamba[index], let mamba {
        mixer = try Mamba2(layer["mamba"], mamba, epsilon: frame.epsilon, state: &state)
      } else {
        mixer = try Attention(
          layer["self_attn"], attention, rotary: rotary, scale: attentionScale, state: &state)
      }
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, mixer, scale: residualScale),
          try ResidualBlock(
            layer, norm: "post_attention_layernorm", frame, feedForward(layer, index), scale: residualScale)))
    }
    return layers
  }

  private func sharedFeedForward(_ weights: WeightScope) throws(ModelError) -> FeedForward {
    try .swiGLU(weights, width: frame.width, hidden: sharedWidth, names: Self.names)
  }

  /// The names of the shared network's matrices.
  static let names = GatedNames(
    gate: "gate_linear", up: "up_linear", down: "output_linear", fused: "input_linear")

  /// The names of the matrices that hold gate rows and behind them up rows: one or two.
  private static func inputs(of weights: WeightScope) -> [String] {
    weights.has("input_linear.weight") ? ["input_linear"] : ["gate_linear", "up_linear"]
  }

  private func feedForward(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let selection else { return try sharedFeedForward(layer["shared_mlp"]) }
    let weights = layer["block_sparse_moe"]
    let count = selection.expertCount
    return MixtureOfExperts(
      router: try Linear(weights["router"]["layer"], input: frame.width, output: count, role: .exact),
      selection: selection,
      experts: try Experts(
        stacked: weights, first: Self.inputs(of: weights).map { "\($0).weight" }, second: "output_linear.weight",
        count: count, width: frame.width, hidden: expertWidth, activation: .siluGated, layer: index),
      shared: sharedWidth > 0 ? try sharedFeedForward(layer["shared_mlp"]) : nil)
  }
}
