internal import InferCore

/// ERNIE 4.5 (text): a plain transformer, and one with experts behind the first layers, chosen by softmax scores with a bias
/// for the choice, beside shared ones.
struct Ernie: ModelFamily {
  static let models = "ERNIE 4.5 (text)"
  static let layers = "attention, experts"
  static let modelTypes = ["ernie4_5", "ernie4_5_moe"]
  static let inertKeys = [
    "fuse_rms_norm", "hidden_dropout_prob", "moe_capacity", "moe_gate", "moe_multimodal_paired_experts",
    "moe_use_aux_free", "num_nextn_predict_layers", "use_flash_attention", "use_rmsnorm",
  ]

  let frame: ModelFrame
  let attention: LayeredAttention
  let bias: Bool
  let denseWidth: Int
  let isDense: [Bool]
  /// The choice of experts but for the bias, of which each layer has its own; `nil` where all layers are dense.
  let routing: ExpertSelection?
  let expertWidth: Int
  let sharedExperts: Int

  var layerCount: Int { isDense.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, tiedByDefault: true)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    bias = try config.flag("use_bias", default: false)
    let shape = try config.attentionShape(width: frame.width, bias: bias)
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 500_000, pairing: .adjacent)
    attention = LayeredAttention(shape, sights: Array(repeating: LayerSight(rotary: rotary), count: layers))
    denseWidth = try config.size("intermediate_size")
    guard try config.string("model_type") == "ernie4_5_moe" else {
      isDense = Array(repeating: true, count: layers)
      (routing, expertWidth, sharedExperts) = (nil, 0, 0)
      return
    }
    let first = try config.count("moe_layer_start_index", default: 1)
    let interval = try config.size("moe_layer_interval", default: 1)
    let last = try Self.lastLayer(config, layers)
    isDense = (0..<layers).map { ($0 + 1) % interval != 0 || $0 < first || $0 > last }
    let experts = try config.size("moe_num_experts", "num_experts", default: 64)
    let topK = try config.size("moe_k", "num_experts_per_tok", default: 6)
    try config.require(topK <= experts, "moe_k", "\(topK) of \(experts) experts")
    // The least sum that weights are divided by.
    _ = try config.positive("moe_norm_min", default: 1e-12)
    routing = ExpertSelection(expertCount: experts, topK: topK, scoring: .softmax, normalized: true)
    expertWidth = try config.size("moe_intermediate_size")
    sharedExperts = try config.count("moe_num_shared_experts", default: 2)
  }

  /// The last layer with experts; files say −1 for the last of all.
  private static func lastLayer(_ config: ConfigReader, _ layers: Int) throws(ModelError) -> Int {
    let last = try config.number("moe_layer_end_index", default: -1)
    guard last >= 0 else { return layers - 1 }
    return try config.count("moe_layer_end_index")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let layers = try attention.layers(weights, frame, state: &state) { layer, index throws(ModelError) in
      try network(layer["mlp"], index)
    }
    // The prediction of tokens further ahead takes no part in the forward pass.
    for part in ["mtp_block.", "mtp_emb_norm.", "mtp_hidden_norm.", "mtp_linear_proj."] {
      weights["model"].discard(part)
    }
    return layers
  }

  private func network(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard var selection = routing, !isDense[index] else {
      return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth, bias: bias)
    }
    selection.selectionBias = try weights.floats(
      "moe_statics.e_score_correction_bias", shape: [1, selection.expertCount])
    let shared =
      sharedExperts > 0
      ? try FeedForward.swiGLU(
        weights["shared_experts"], width: frame.width, hidden: sharedExperts * expertWidth, bias: bias) : nil
    return try MixtureOfExperts(
      weights, router: "gate", selection: selection, width: frame.width, hidden: expertWidth, shared: shared,
      layer: index)
  }
}
