internal import Glibc
internal import InferCore

/// MiniMax-01 and M1: lightning attention in most layers and attention with rotary positions in the others, then Mixtral's
/// experts; the residual stream is normalised, and stream and branches have factors.
struct MiniMax: ModelFamily {
  static let models = "MiniMax-Text-01, MiniMax-M1"
  static let layers = "lightning attention, attention, experts"
  static let modelTypes = ["minimax", "minimax_m1", "minimax_text_01"]
  /// The length of blocks that implementations compute at a time, noise of training, and a shared expert that none has.
  static let inertKeys = ["block_size", "router_jitter_noise", "shared_moe_mode"]

  /// Factors on the residual stream and on what a branch makes of it.
  struct Factors: Sendable {
    let stream: Float
    let branch: Float
  }

  let frame: ModelFrame
  let isLinear: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let linearFactors: Factors
  let attentionFactors: Factors
  let networkFactors: Factors
  let selection: ExpertSelection
  let expertWidth: Int

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-5)
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("postnorm", try config.flag("postnorm", default: true), is: true)
    try config.expect("shared_intermediate_size", try config.count("shared_intermediate_size", default: 0), is: 0)
    try config.expectNoSlidingWindow(contextLength: frame.contextLength)
    isLinear = try Self.layers(config)
    let shape = try config.attentionShape(width: frame.width, bias: false)
    attention = shape
    // Files of the first spelling say how many dimensions are rotated.
    let part = Double(try config.size("rotary_dim", default: shape.headDimension)) / Double(shape.headDimension)
    try config.require(part <= 1, "rotary_dim", "more than the \(shape.headDimension) dimensions of a head")
    rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 1_000_000, part: part)
    linearFactors = Factors(
      stream: try config.number("linear_attn_alpha_factor", "layernorm_linear_attention_alpha", default: 1),
      branch: try config.number("linear_attn_beta_factor", "layernorm_linear_attention_beta", default: 1))
    attentionFactors = Factors(
      stream: try config.number("full_attn_alpha_factor", "layernorm_full_attention_alpha", default: 1),
      branch: try config.number("full_attn_beta_factor", "layernorm_full_attention_beta", default: 1))
    networkFactors = Factors(
      stream: try config.number("mlp_alpha_factor", "layernorm_mlp_alpha", default: 1),
      branch: try config.number("mlp_beta_factor", "layernorm_mlp_beta", default: 1))
    let experts = try config.size("num_local_experts", "num_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmaxOfChosen)
    expertWidth = try config.size("intermediate_size")
  }

  /// Whether each layer is one of lightning attention: by `layer_types`, or by `attn_type_list`, where 0 stands for it.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    if config.has("attn_type_list") {
      let kinds = try config.sizes("attn_type_list", layers: count)
      try config.require(
        kinds.allSatisfy { $0 < 2 }, "attn_type_list", "expected 0 for lightning attention and 1 for attention")
      config.ignore(["layer_types"])
      return kinds.map { $0 == 0 }
    }
    return try config.layerTypes(count, of: ["linear_attention", "full_attention"]) {
      $0 % 2 == 0 ? "full_attention" : "linear_attention"
    }.map { $0 == "linear_attention" }
  }

  /// The logarithm of the decay of each head of a layer: slopes as those of ALiBi (Press et al. 2021, arXiv 2108.12409, §3),
  /// which become smaller from layer to layer.
  private func rates(layer index: Int) -> [Float] {
    let (heads, last) = (Double(attention.queryHeads), Double(layerCount - 1))
    let factor = 1 - Double(index) / (last + 1e-5) + 1e-5
    return (1...attention.queryHeads).map { Float(-exp2(-8 / heads * Double($0)) * factor) }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isLinear[index] {
        let scope = layer["self_attn"]
        // They follow from the number of heads and of the layer.
        for name in ["slope_rate", "query_decay", "key_decay", "diagonal_decay"] { scope.discard(name) }
        // The norm's ε is a constant of the architecture.
        mixer = try LightningAttention(
          scope, .init(width: frame.width, heads: attention.queryHeads, headDimension: attention.headDimension),
          rates: rates(layer: index), epsilon: 1e-6, state: &state)
      } else {
        mixer = try Attention(layer["self_attn"], attention, rotary: rotary, state: &state)
      }
      let network = try MixtureOfExperts(
        layer["block_sparse_moe"], router: "gate", selection: selection, width: frame.width, hidden: expertWidth,
        names: .numbered, layer: index)
      layers.append(
        Layer(
          try block(layer["input_layernorm"], mixer, isLinear[index] ? linearFactors : attentionFactors),
          try block(layer["post_attention_layernorm"], network, networkFactors)))
    }
    return layers
  }

  private func block(
    _ norm: WeightScope, _ mixer: any Mixer, _ factors: Factors
  ) throws(ModelError) -> NormedResidualBlock {
    NormedResidualBlock(
      norm: try frame.norm(norm), mixer: mixer, streamScale: factors.stream, mixerScale: factors.branch)
  }
}
