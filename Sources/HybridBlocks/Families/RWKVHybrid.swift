internal import InferCore

/// ARWKV 7: Qwen2 with RWKV 7's time mix in place of attention.
struct RWKVHybrid: ModelFamily {
  static let models = "ARWKV 7"
  static let layers = "RWKV 7"
  static let modelTypes = ["rwkv_hybrid"]
  /// Keys of the attention that RWKV replaces, and of the length in training: a state has one size however long a sequence
  /// is.
  static let inertKeys = [
    "attention_dropout", "head_size_divisor", "max_position_embeddings", "max_window_layers", "num_attention_heads",
    "num_key_value_heads", "num_wkv_heads", "rope_scaling", "rope_theta", "sliding_window", "use_sliding_window",
  ]

  private(set) var frame: ModelFrame
  let layerCount: Int
  let timeMix: TimeMix7.Shape
  let hidden: Int

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6, contextLength: ConfigReader.unlimitedContext)
    frame.contextLength = ConfigReader.unlimitedContext
    layerCount = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("wkv_version", try config.count("wkv_version"), is: 7)
    try config.expect("wkv_use_vfirst", try config.flag("wkv_use_vfirst", default: true), is: true)
    let places = config.isList("wkv_layers") ? try config.indices("wkv_layers") : Set(0..<layerCount)
    if !config.isList("wkv_layers") {
      try config.expect("wkv_layers", try config.string("wkv_layers", default: "full"), is: "full")
    }
    try config.require(
      places == Set(0..<layerCount), "wkv_layers", "leaves layers of attention, which are not supported")
    let width = frame.width
    let headSize = try config.size("head_size", default: 64)
    try config.require(width % headSize == 0, "head_size", "\(headSize) does not divide the width \(width)")
    let hasNorm = try config.flag("wkv_has_group_norm", default: true)
    let gateRank = try config.size("gate_low_rank_dim", default: 128)
    timeMix = TimeMix7.Shape(
      width: width, headSize: headSize, decayRank: try config.size("decay_low_rank_dim", default: 64),
      learningRank: try config.size("a_low_rank_dim", default: 64),
      valueRank: try config.size("v_low_rank_dim", default: 32),
      gateRank: try config.flag("wkv_has_gate", default: true) ? gateRank : nil, headEpsilon: hasNorm ? 64e-5 : nil)
    hidden = try config.size("intermediate_size")
  }

  /// The names of RWKV's own files, where bottlenecks are maps from the left.
  var storedForms: [StoredForm] {
    let width = frame.width
    let ranks = [
      ("w", timeMix.decayRank), ("a", timeMix.learningRank), ("v", timeMix.valueRank), ("g", timeMix.gateRank ?? 0),
    ]
    let bottlenecks = ranks.flatMap { name, rank in
      [
        StoredForm.transposed("\(name)_lora.lora.0.weight", from: "\(name)1", shape: [width, rank]),
        .transposed("\(name)_lora.lora.2.weight", from: "\(name)2", shape: [rank, width]),
        StoredForm("\(name)_lora.lora.2.bias", from: "\(name)0", shape: [1, 1, width]) { stored in
          stored.renamed(stored.name, shape: [width])
        },
      ]
    }
    let vectors = ["k_k", "k_a"].map { name in
      StoredForm(name, from: name, shape: [1, 1, width]) { $0.renamed($0.name, shape: [width]) }
    }
    let maps = [
      ("r_proj.weight", "receptance.weight"), ("k_proj.weight", "key.weight"), ("v_proj.weight", "value.weight"),
      ("o_proj.weight", "output.weight"), ("g_norm.weight", "ln_x.weight"), ("g_norm.bias", "ln_x.bias"),
    ].map { StoredForm.renamed($0, from: $1) }
    return bottlenecks + vectors + maps
  }

  func side(reading weights: WeightScope) -> (any StreamSide)? { FirstValues(columns: frame.width) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let width = frame.width
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let names = layer["self_attn"]["time_mixer"]
      // Files have a part of the first layer's values of itself.
      if index == 0 { for name in ["v0", "v1", "v2"] { names.discard(tensor: name) } }
      let mixer = try TimeMix7(names, timeMix, isFirst: index == 0, state: &state)
      let network = try FeedForward.swiGLU(layer["mlp"], width: width, hidden: hidden)
      layers.append(
        Layer(
          TimeMix7Block(norm: try frame.norm(layer["input_layernorm"]), mixer: mixer),
          StreamBlock(
            ResidualBlock(norm: try frame.norm(layer["post_attention_layernorm"]), mixer: network), width: width)))
    }
    return layers
  }
}
