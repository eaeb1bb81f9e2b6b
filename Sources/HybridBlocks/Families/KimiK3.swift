internal import InferCore
internal import InferText

/// The text model of Kimi K3: layers are summed up in groups, among which every part of a layer seeks its input; Kimi Delta
/// Attention in most layers and latent attention with gates and without positions in the others; dense layers first, then experts
/// in a space of their own, whose sum is normalised, beside a shared one; activations within bounds.
struct KimiK3: ModelFamily {
  static let models = "Kimi K3 (text)"
  static let layers = "Kimi Delta Attention, latent attention with gates, experts in a latent space; sums of groups"
  static let modelTypes = ["kimi_k3"]
  /// Values that follow from other keys, and images.
  static let inertKeys = KimiLinear.inertKeys + ["media_placeholder_token_id", "mla_use_output_gate", "vision_config"]

  private(set) var frame: ModelFrame
  let isLinear: [Bool]
  let isDense: [Bool]
  let delta: KimiDeltaAttention.Shape
  let attention: LatentAttention.Shape
  /// The number of layers of a group; 0 for a stream that is not summed up in groups.
  let groupSize: Int
  let activation: Experts.Activation
  let denseWidth: Int
  let expertWidth: Int
  let latentWidth: Int?
  let sharedExperts: Int
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection

  var layerCount: Int { isLinear.count }

  init(_ config: ConfigReader) throws(ModelError) {
    guard let text = try config.object("text_config") else {
      try self.init(text: config)
      return
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    // It calls itself by the name of the model before.
    text.ignore(["model_type"])
    try self.init(text: text)
  }

  private init(text config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let count = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "situ"), is: "situ")
    try config.expect("mla_use_nope", try config.flag("mla_use_nope", default: true), is: true)
    let scoring = try config.string("moe_router_activation_func", default: "sigmoid")
    try config.expect("moe_router_activation_func", scoring, is: "sigmoid")
    let linear = try config.object("linear_attn_config")
    isLinear = try KimiLinear.linearLayers(config, linear, count: count)
    isDense = try config.denseLayers(count, first: 1)
    var delta = try KimiLinear.deltaShape(config, linear, width: frame.width)
    delta.lowestDecay = try Self.lowestDecay(linear ?? config)
    self.delta = delta
    var attention = try config.latentAttentionShape(width: frame.width)
    attention.epsilon = frame.epsilon
    attention.hasGates = true
    self.attention = attention
    groupSize = try config.count("attn_res_block_size", default: 0)
    activation = .softCappedSiluGated(
      gate: Float(try config.positive("activation_situ_beta")),
      up: Float(try config.positive("activation_situ_linear_beta")))
    denseWidth = try config.size("intermediate_size")
    expertWidth = try config.size("moe_intermediate_size")
    latentWidth = config.has("routed_expert_hidden_size") ? try config.size("routed_expert_hidden_size") : nil
    sharedExperts = try config.count("num_shared_experts", default: 1)
    routing = try config.sigmoidRouting()
  }

  /// The bound of decays, a logarithm.
  private static func lowestDecay(_ config: ConfigReader) throws(ModelError) -> Float? {
    guard config.has("gate_lower_bound") else { return nil }
    let bound = try config.number("gate_lower_bound")
    try config.require(bound < 0, "gate_lower_bound", "is \(bound), expected a number below 0")
    return bound
  }

  /// Gates of latent attention have the name of those of linear attention.
  var storedForms: [StoredForm] {
    [.decayRates, .renamed("self_attn.gate_proj.weight", from: "self_attn.g_proj.weight")] + attention.storedForms
  }

  var storedPrefixes: [StoredPrefix] {
    [
      StoredPrefix("model.", stored: "language_model.model."),
      StoredPrefix("lm_head.", stored: "language_model.lm_head."),
    ]
  }

  private var search: LaneSearch { LaneSearch(epsilon: frame.epsilon, isRaw: true) }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? {
    guard groupSize > 0 else { return nil }
    return GroupLanes(
      count: GroupLanes.count(layers: layerCount, groupSize: groupSize),
      query: try query(weights["model"], "output_attn_res"), search: search)
  }

  /// What is sought by: the weights of a norm times those of a map to one number, which some files have as their product.
  private func query(_ weights: WeightScope, _ name: String) throws(ModelError) -> [Float] {
    if weights.has("\(name)_score.weight") { return try weights.vector("\(name)_score.weight", count: frame.width) }
    let norm = try weights.vector("\(name)_norm.weight", count: frame.width)
    return zip(norm, try weights.floats("\(name)_proj.weight", shape: [1, frame.width])).map { $0 * $1 }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isLinear.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer =
        isLinear[index]
        ? try KimiDeltaAttention(layer["self_attn"], delta, epsilon: frame.epsilon, state: &state)
        : try LatentAttention(layer["self_attn"], attention, rotary: nil, state: &state)
      let network = try network(layer, index)
      let norms = [try frame.norm(layer["input_layernorm"]), try frame.norm(layer["post_attention_layernorm"])]
      guard groupSize > 0 else {
        layers.append(
          Layer(ResidualBlock(norm: norms[0], mixer: mixer), ResidualBlock(norm: norms[1], mixer: network)))
        continue
      }
      let queries = (try query(layer, "self_attention_res"), try query(layer, "mlp_res"))
      layers.append(
        Layer(
          GroupedResidualBlock(
            width: frame.width, lanes: (index + groupSize - 1) / groupSize + 1, queries: index == 0 ? nil : queries.0,
            norms: [norms[0]], content: .mixer(mixer), beginsGroup: index % groupSize == 0, search: search),
          GroupedResidualBlock(
            width: frame.width, lanes: index / groupSize + 2, queries: queries.1, norms: [norms[1]],
            content: .mixer(network), beginsGroup: false, search: search)))
    }
    weights.discardSight("vision_tower.", "mm_projector.")
    return layers
  }

  private func network(_ layer: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    let (width, count) = (frame.width, routing.expertCount)
    guard !isDense[index] else {
      return try FeedForward.gated(layer["mlp"], activation, width: width, hidden: denseWidth)
    }
    let weights = layer["block_sparse_moe"]
    var selection = routing
    selection.selectionBias = try weights.vector("gate.e_score_correction_bias", count: count)
    let inner = latentWidth ?? width
    var mixture = MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        weights["experts"], count: count, width: inner, hidden: expertWidth, activation: activation, names: .numbered,
        layer: index))
    if sharedExperts > 0 {
      mixture.shared = try .gated(
        weights["shared_experts"], activation, width: width, hidden: sharedExperts * expertWidth)
    }
    guard let latentWidth else { return mixture }
    let down = try Linear(weights["routed_expert_down_proj"], input: width, output: latentWidth)
    let up = weights["routed_expert_up_proj"]
    guard weights.has("routed_expert_norm.weight") else {
      mixture.latent = (down: down, up: try Linear(up, input: latentWidth, output: width))
      return mixture
    }
    let columns = try weights.part(ofChannels: latentWidth)
    mixture.latent = (down: down, up: try Linear(up, columns: columns, of: latentWidth, output: width))
    mixture.latentNorm = (
      norm: try RMSNorm(weights["routed_expert_norm"], width: latentWidth, epsilon: frame.epsilon), columns: columns
    )
    return mixture
  }
}
