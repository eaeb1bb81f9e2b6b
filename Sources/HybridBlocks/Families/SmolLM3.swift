internal import InferCore

/// SmolLM3: a plain transformer of which every fourth layer has no positions.
struct SmolLM3: ModelFamily {
  static let models = "SmolLM3"
  static let layers = "attention"
  static let modelTypes = ["smollm3"]
  static let inertKeys = ["no_rope_layer_interval"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int
  let hiddenBias: Bool

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, tiedByDefault: true)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: false))
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 2_000_000)
    let isRotated = try Self.rotatedLayers(config, layers)
    // Only layers without positions can have windows.
    let usesWindows = try config.flag("use_sliding_window", default: false)
    let windows: [Int?] =
      usesWindows
      ? try config.windows(layers: layers) { !isRotated[$0] } : Array(repeating: nil, count: layers)
    if !usesWindows {
      config.ignore(["sliding_window", "max_window_layers"])
      let kinds = try config.strings("layer_types") ?? []
      try config.require(
        kinds.allSatisfy { $0 == "full_attention" }, "layer_types", "expected full_attention in every layer")
    }
    attention = LayeredAttention(
      shape, sights: zip(windows, isRotated).map { LayerSight(window: $0, rotary: $1 ? rotary : nil) })
    hidden = try config.size("intermediate_size")
    hiddenBias = try config.flag("mlp_bias", default: false)
  }

  /// Whether each layer has positions: `no_rope_layers` is 1 for those that do.
  private static func rotatedLayers(_ config: ConfigReader, _ layers: Int) throws(ModelError) -> [Bool] {
    guard config.has("no_rope_layers") else {
      let interval = try config.size("no_rope_layer_interval", default: 4)
      return (0..<layers).map { ($0 + 1) % interval != 0 }
    }
    let flags = try config.sizes("no_rope_layers", layers: layers)
    try config.require(
      flags.allSatisfy { $0 <= 1 }, "no_rope_layers", "expected 1 for layers with positions and 0 for others")
    return flags.map { $0 == 1 }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden, bias: hiddenBias)
    }
  }
}
