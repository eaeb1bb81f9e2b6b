internal import InferCore
internal import InferText

/// The text model of Inkling 2: layers are summed up in groups, and every part of a layer attends to the sums; attention whose
/// scores have biases by distance, sinks of the rows' own and gates, in most layers within a window and with other heads there;
/// short convolutions of keys, of values and behind every mixer, some with taps of the rows' own; experts chosen by biased
/// sigmoid scores, with caps on their activations. Some models have a loop of layers, which rows pass several times.
struct Inkling2: ModelFamily {
  static let models = "Inkling 2 (text)"
  static let layers =
    "attention with relative positions, in windows as well, and short convolutions; experts; sums of groups; "
    + "loops of layers"
  static let modelTypes = ["inkling2", "inkling2_text", "inkling2_loop", "inkling2_loop_text"]
  /// Images, and functions that are not called.
  static let inertKeys = ["hidden_act", "image_token_id", "vision_config"]

  private(set) var frame: ModelFrame
  /// One a layer.
  let attention: [Attention.Shape]
  let clips: ClippedAttention.Clips
  let taps: Int
  /// The number of layers of a group.
  let groupSize: Int
  let expertWidth: Int
  let activation: Experts.Activation
  /// The choice of experts, but for the bias, of which each layer has its own.
  let routing: ExpertSelection
  /// The layers that rows pass several times; `nil` for none.
  let loop: LayerLoop?

  var layerCount: Int { attention.count }

  init(_ config: ConfigReader) throws(ModelError) {
    let type = try config.string("model_type")
    let hasLoop = type.hasExactPrefix("inkling2_loop")
    guard !type.hasExactSuffix("_text") else {
      try self.init(text: config, hasLoop: hasLoop)
      return
    }
    guard let text = try config.object("text_config") else {
      throw config.wrong("text_config", because: "is missing, expected the configuration of the text model")
    }
    text.ignore(Families.inertKeys + Self.inertKeys)
    try config.expect("tie_word_embeddings", try config.flag("tie_word_embeddings", default: false), is: false)
    try self.init(text: text, hasLoop: hasLoop)
  }

  private init(text config: ConfigReader, hasLoop: Bool) throws(ModelError) {
    frame = try Inkling.frame(config)
    frame.logitCap = Float(try config.positive("final_logit_softcapping", default: 30))
    let count = try config.size("num_hidden_layers")
    taps = try config.size("conv_kernel_size", "sconv_kernel_size", default: 4)
    let isWindowed = try config.layerTypes(count, of: ["hybrid", "hybrid_sliding"]) {
      ($0 + 1) % 6 == 0 ? "hybrid" : "hybrid_sliding"
    }.map { $0 == "hybrid_sliding" }
    attention = try Inkling.attention(
      config, isWindowed, width: frame.width, taps: taps, heads: hasLoop ? 24 : 48, windowedKeyHeads: 8, window: 1024,
      growthLength: hasLoop ? 8192 : 128_000)
    clips = ClippedAttention.Clips(
      heads: Float(try config.positive("qk_l2_clip_threshold", default: 512.0.squareRoot())),
      relative: Float(try config.positive("rel_l2_clip_threshold", default: 8)), epsilon: frame.epsilon)
    groupSize = try config.size("n_layers_per_attn_res_block", default: 6)
    loop = hasLoop ? try Self.loop(config, layers: count, groupSize: groupSize) : nil
    expertWidth = try config.size("moe_intermediate_size", "intermediate_size")
    activation = .softCappedSiluGated(
      gate: Float(try config.positive("mlp_gate_softcap", default: 4)),
      up: Float(try config.positive("mlp_up_softcap", default: 25)))
    try config.expect("scoring_func", try config.string("scoring_func", default: "sigmoid"), is: "sigmoid")
    let experts = try config.size("n_routed_experts", "num_local_experts")
    routing = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .sigmoid, normalized: true,
      scale: try config.number("route_scale", "routed_scaling_factor", default: 8))
  }

  /// Published files have other names, rows of gates and ups in turn, and the queries of all layers in one list.
  var storedForms: [StoredForm] {
    let attention = [
      ("q_proj.linear.weight", "wq_du.weight"), ("k_proj.linear.weight", "wk_dv.weight"),
      ("v_proj.linear.weight", "wv_dv.weight"), ("o_proj.linear.weight", "wo_ud.weight"),
      ("o_proj.gate_proj.weight", "gate_attn.weight"), ("sink_proj.weight", "attn_sink_proj.weight"),
      ("q_proj.norm.scale", "q_l2_clip.scale"), ("relative_position_bias.norm.scale", "rel_l2_clip.scale"),
      ("relative_position_bias.linear.weight", "wr_du.weight"), ("relative_position_bias.proj", "rel_logits_proj.proj"),
    ]
    let convolutions = ["k", "v"].flatMap { name in
      [
        ("\(name)_proj.sconv.conv1d.weight", "\(name)_sconv.weight"),
        ("\(name)_proj.sconv.static_weight", "\(name)_sconv.static_w"),
        ("\(name)_proj.sconv.weight_proj.weight", "\(name)_sconv.weight_proj"),
      ]
    }
    let others = [
      ("post_attention_convolution.conv1d.weight", "attn_sconv.weight"),
      ("post_mlp_convolution.conv1d.weight", "mlp_sconv.weight"), ("q_input_layernorm.weight", "q_input_norm.weight"),
      ("k_input_layernorm.weight", "k_input_norm.weight"), ("v_input_layernorm.weight", "v_input_norm.weight"),
      ("model.final_input.query", "model.attn_res.output_query"),
    ]
    let queries = (0..<layerCount).flatMap { index in
      [
        ("model.layers.\(index).mlp_input.query", "model.attn_res.mlp_queries.\(index)"),
        ("model.layers.\(index).attention_input.query", "model.attn_res.attn_queries.\(index - 1)"),
      ]
    }
    return Inkling.frameForms + Inkling.expertForms
      + (attention + convolutions).map { .renamed("self_attn.\($0.0)", from: "attn.\($0.1)") }
      + (others + queries + Self.gateNames).map { .renamed($0.0, from: $0.1) }
  }

  var storedPrefixes: [StoredPrefix] { Inkling.prefixes }

  func streamLanes(reading weights: WeightScope) throws(ModelError) -> (any StreamLanes)? {
    let query = try weights["model"]["final_input"].vector("query", count: frame.width)
    return GroupLanes(count: laneCount, query: query)
  }

  /// The number of lanes of the stream.
  var laneCount: Int { GroupLanes.count(layers: layerCount, groupSize: groupSize) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var blocks: [(heads: GroupedResidualBlock, network: GroupedResidualBlock)] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let isWhole = attention[index].window == nil
      let inputs = isWhole ? ["q_input_layernorm", "k_input_layernorm", "v_input_layernorm"] : ["input_layernorm"]
      let heads = GroupedResidualBlock(
        width: frame.width, lanes: (index + groupSize - 1) / groupSize + 1,
        queries: index == 0
          ? nil
          : try layer["attention_input"].floats(
            "query", shape: isWhole ? [inputs.count, frame.width] : [frame.width]),
        norms: try inputs.map { name throws(ModelError) in try frame.norm(layer[name]) },
        content: .attention(
          try ClippedAttention(layer["self_attn"], attention[index], clips: clips, isDynamic: isWhole, state: &state)),
        convolution: try convolution(layer["post_attention_convolution"], &state), beginsGroup: index % groupSize == 0)
      let network = GroupedResidualBlock(
        width: frame.width, lanes: index / groupSize + 2,
        queries: try layer["mlp_input"].vector("query", count: frame.width),
        norms: [try frame.norm(layer["post_attention_layernorm"])], content: .mixer(try mixture(layer["mlp"], index)),
        convolution: try convolution(layer["post_mlp_convolution"], &state), beginsGroup: false)
      blocks.append((heads, network))
      layers.append(Layer(heads, network))
    }
    if let loop {
      let last = loop.layers.upperBound - 1
      layers[last] = Layer(
        layers[last].blocks + (try passes(loop, Array(blocks[loop.layers]), weights["model"], &state)))
    }
    weights.discardSight("vision_tower.", "visual.")
    return layers
  }

  private func convolution(
    _ weights: WeightScope, _ state: inout StateLayout
  ) throws(ModelError) -> ResidualConvolution {
    try ResidualConvolution(
      weights, channels: frame.width, taps: taps, scale: 1 / Float(taps + 1).squareRoot(), state: &state)
  }

  private func mixture(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    let (count, width) = (routing.expertCount, frame.width)
    var selection = routing
    selection.selectionBias = try weights.vector("gate.e_score_correction_bias", count: count)
    return MixtureOfExperts(
      router: try Linear(weights["gate"], input: width, output: count, role: .exact), selection: selection,
      experts: try Experts(
        stacked: weights["experts"], first: ["gate_up_proj"], second: "down_proj", count: count, width: width,
        hidden: expertWidth, activation: activation, layer: index))
  }
}
