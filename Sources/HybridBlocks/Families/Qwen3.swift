internal import InferCore

/// Qwen3, dense and mixture of experts: attention with norms of query and key heads before rotation, then SwiGLU, or
/// experts without a shared one.
struct Qwen3: ModelFamily {
  static let models = "Qwen3, Qwen3 MoE"
  static let layers = "attention, experts"
  static let modelTypes = ["qwen3", "qwen3_moe"]
  static let inertKeys = ["num_experts", "num_local_experts"]

  let frame: ModelFrame
  let isDense: [Bool]
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  /// One a layer; `nil` for those that see everything.
  let windows: [Int?]
  let denseWidth: Int
  let selection: ExpertSelection?
  let expertWidth: Int

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    windows = try config.windowsOfLastLayers(layers, isUsed: false)
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    rotary = try config.rotary(
      headDimension: attention.headDimension, contextLength: frame.contextLength, theta: 10_000)
    denseWidth = try config.size("intermediate_size")
    guard try config.string("model_type") == "qwen3_moe" else {
      isDense = Array(repeating: true, count: layers)
      selection = nil
      expertWidth = 0
      return
    }
    let experts = try config.size("num_experts", "num_local_experts")
    let topK = try config.chosenExperts(of: experts)
    selection = ExpertSelection(
      expertCount: experts, topK: topK, scoring: .softmax,
      normalized: try config.flag("norm_topk_prob", default: false))
    expertWidth = try config.size("moe_intermediate_size")
    let period = try config.size("decoder_sparse_step", default: 1)
    let dense = try config.indices("mlp_only_layers")
    isDense = (0..<layers).map { dense.contains($0) || ($0 + 1) % period != 0 }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let heads = LayeredAttention(
      attention, sights: windows.map { LayerSight(window: $0, rotary: rotary) }, headNorms: .heads)
    return try heads.layers(weights, frame, state: &state) { layer, index throws(ModelError) in
      try feedForward(layer["mlp"], index)
    }
  }

  private func feedForward(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard let selection, !isDense[index] else {
      return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth)
    }
    return try MixtureOfExperts(
      weights, router: "gate", selection: selection, width: frame.width, hidden: expertWidth, layer: index)
  }
}
