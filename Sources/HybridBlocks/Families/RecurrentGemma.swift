internal import Glibc
internal import InferCore

/// RecurrentGemma (Griffin): real-gated linear recurrent units in two of three layers and attention within a window in the
/// others, half of each head rotated; GEGLU; logits within a cap.
struct RecurrentGemma: ModelFamily {
  static let models = "RecurrentGemma"
  static let layers = "linear recurrent units, attention in windows"
  static let modelTypes = ["recurrent_gemma"]
  /// Values that training began with.
  static let inertKeys = ["final_w_init_variance_scale", "w_init_variance_scale"]

  private(set) var frame: ModelFrame
  let isRecurrent: [Bool]
  let attention: LayeredAttention
  let unit: LinearRecurrentUnit.Shape
  let hidden: Int

  var layerCount: Int { isRecurrent.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilon: 1e-6, tiedByDefault: true, contextLength: 8192)
    frame.norm = "model.final_norm"
    // A constant in 16 bits of bfloat, whatever is computed with.
    frame.embeddingScale = Self.nearestBFloat16(Float(frame.width).squareRoot())
    frame.logitCap = Float(try config.positive("logits_soft_cap", default: 30))
    let activation = try config.string("hidden_activation", default: "gelu_pytorch_tanh")
    try config.expect("hidden_activation", activation, is: "gelu_pytorch_tanh")
    isRecurrent = try Self.layers(config)
    var shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    shape.outputBias = true
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000, part: 0.5)
    let window = try config.length("attention_window_size", "sliding_window", default: 2048)
    attention = LayeredAttention(
      shape, sights: Array(repeating: LayerSight(window: window, rotary: rotary), count: isRecurrent.count))
    let inner = try config.size("lru_width", default: frame.width)
    try config.require(
      inner % shape.queryHeads == 0, "lru_width", "\(shape.queryHeads) heads do not divide \(inner) channels")
    unit = LinearRecurrentUnit.Shape(
      width: frame.width, inner: inner, heads: shape.queryHeads, taps: try config.size("conv1d_width", default: 4))
    // The file gives the width of gate and up together.
    let both = try config.size("intermediate_size")
    try config.require(both >= 2, "intermediate_size", "\(both), expected the channels of gate and up together")
    hidden = both / 2
  }

  private static func nearestBFloat16(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
  }

  /// Whether each layer is one of recurrent units: a pattern of blocks that is repeated.
  private static func layers(_ config: ConfigReader) throws(ModelError) -> [Bool] {
    let count = try config.size("num_hidden_layers")
    let pattern = try config.strings("block_types") ?? ["recurrent", "recurrent", "attention"]
    config.ignore(["_block_types", "layers_block_type", "layer_types"])
    try config.require(
      !pattern.isEmpty && pattern.allSatisfy { ["recurrent", "attention"].contains($0) }, "block_types",
      "expected a list of recurrent and attention")
    return (0..<count).map { pattern[$0 % pattern.count] == "recurrent" }
  }

  /// All norms are stored as differences from one, gates as maps from the right, and rates of decay through a softplus.
  var storedForms: [StoredForm] {
    let gates = ["input_gate", "recurrent_gate"].flatMap { name in
      [
        StoredForm("\(name).weight", from: "\(name)_weight") { stored throws(ModelError) in
          try stored.transposed(stored.name)
        },
        StoredForm("\(name).bias", from: "\(name)_bias"),
      ]
    }
    let rate = StoredForm("rate", from: "recurrent_param") { stored in
      .computed([stored], name: stored.name, shape: stored.shape) { $0[0].map { -8 * log1pf(expf($0)) } }
    }
    return ["temporal_pre_norm", "channel_pre_norm", "final_norm"].flatMap(StoredForm.normFromOne) + gates + [rate]
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in isRecurrent.indices {
      let layer = weights["model"]["layers"][index]
      let mixer: any Mixer
      if isRecurrent[index] {
        mixer = try LinearRecurrentUnit(layer["temporal_block"], unit, state: &state)
      } else {
        mixer = try attention.mixer(layer["temporal_block"], layer: index, epsilon: frame.epsilon, state: &state)
      }
      let network = try FeedForward.gated(
        layer["mlp_block"], .geluTanhGated, width: frame.width, hidden: hidden, bias: true)
      layers.append(
        try LayerNorms.before("temporal_pre_norm", "channel_pre_norm").layer(layer, frame, mixer, network))
    }
    return layers
  }
}
