public import InferCore

// Parts of transformers whose layers differ in what they see of a sequence, and in where their norms stand.

/// The part of a sequence that a layer of attention sees, and its positions.
public struct LayerSight: Sendable {
  /// The number of tokens that each looks at, itself among them; `nil` for all.
  public var window: Int?
  /// Rotary positions; `nil` for none.
  public var rotary: RotaryEmbedding?

  /// A sight of its window and positions.
  public init(window: Int? = nil, rotary: RotaryEmbedding?) {
    self.window = window
    self.rotary = rotary
  }
}

/// The attention of all layers of a transformer: one shape, and of each layer what it sees.
public struct LayeredAttention: Sendable {
  /// The part of queries and keys that is normalised by itself, before rotation.
  public enum HeadNorms: Sendable {
    /// Each head, all with the same weights.
    case heads
    /// All heads together.
    case projections
  }

  /// The sizes, which all layers have in common.
  public var shape: Attention.Shape
  /// One a layer.
  public var sights: [LayerSight]
  /// The norms of queries and keys, `q_norm` and `k_norm`; `nil` for none.
  public var headNorms: HeadNorms?
  /// Factor on the scores; `nil` for the usual one.
  public var scale: Float?

  /// Attention of the given shape in as many layers as there are sights.
  public init(_ shape: Attention.Shape, sights: [LayerSight], headNorms: HeadNorms? = nil, scale: Float? = nil) {
    self.shape = shape
    self.sights = sights
    self.headNorms = headNorms
    self.scale = scale
  }

  /// Reads the attention of a layer.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer's attention.
  ///   - index: the number of the layer.
  ///   - epsilon: ε of the norms.
  ///   - state: the layout that gets the cache.
  public func mixer(
    _ weights: WeightScope, layer index: Int, epsilon: Float, state: inout StateLayout
  ) throws(ModelError) -> Attention {
    // Old checkpoints hold the frequencies, which follow from the configuration.
    weights.discard("rotary_emb.inv_freq")
    var shape = shape
    shape.window = sights[index].window
    let (query, key): (Int, Int)
    switch headNorms {
    case nil: return try Attention(weights, shape, rotary: sights[index].rotary, scale: scale, state: &state)
    case .heads: (query, key) = (shape.headDimension, shape.headDimension)
    case .projections: (query, key) = (shape.queryHeads * shape.headDimension, shape.keyHeads * shape.headDimension)
    }
    let norms = Attention.HeadNorm.beforeRotation(
      query: try RMSNorm(weights["q_norm"], width: query, epsilon: epsilon),
      key: try RMSNorm(weights["k_norm"], width: key, epsilon: epsilon))
    return try Attention(weights, shape, rotary: sights[index].rotary, headNorm: norms, scale: scale, state: &state)
  }

  /// Reads the layers `model.layers.N` of a transformer, each with its attention, `self_attn`, and a network.
  ///
  /// - Parameters:
  ///   - weights: the scope of the model.
  ///   - frame: the kind, width and ε of the norms.
  ///   - norms: the places of the norms.
  ///   - scale: the factor on what attention and network add to the residual stream.
  ///   - state: the layout that gets the caches.
  ///   - network: reads the network of a layer, by the layer's scope and number.
  public func layers(
    _ weights: WeightScope, _ frame: ModelFrame, _ norms: LayerNorms = .usual, scale: Float = 1,
    state: inout StateLayout, network: (WeightScope, Int) throws(ModelError) -> any Mixer
  ) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in sights.indices {
      let layer = weights["model"]["layers"][index]
      let heads = try mixer(layer["self_attn"], layer: index, epsilon: frame.epsilon, state: &state)
      layers.append(try norms.layer(layer, frame, heads, network(layer, index), scale: scale))
    }
    return layers
  }
}

/// The places of the norms of a transformer's layer, with their names.
public enum LayerNorms: Sendable {
  /// One before attention and one before the network.
  case before(String, String)
  /// One behind attention and one behind the network.
  case behind(String, String)
  /// Before and behind attention, then before and behind the network.
  case around(String, String, String, String)
  /// One, before attention and network, which stand side by side.
  case shared(String)

  /// `input_layernorm` and `post_attention_layernorm`.
  public static let usual = LayerNorms.before("input_layernorm", "post_attention_layernorm")
  /// `post_attention_layernorm` and `post_feedforward_layernorm`.
  public static let usualBehind = LayerNorms.behind("post_attention_layernorm", "post_feedforward_layernorm")

  /// Reads the norms of a layer and puts the layer together.
  ///
  /// - Parameters:
  ///   - weights: the scope of the layer.
  ///   - frame: the kind, width and ε of the norms.
  ///   - attention: the layer's attention.
  ///   - network: its feed-forward network or experts.
  ///   - scale: the factor on what each adds to the residual stream.
  public func layer(
    _ weights: WeightScope, _ frame: ModelFrame, _ attention: any Mixer, _ network: any Mixer, scale: Float = 1
  ) throws(ModelError) -> Layer {
    switch self {
    case .before(let first, let second):
      Layer(
        try ResidualBlock(weights, norm: first, frame, attention, scale: scale),
        try ResidualBlock(weights, norm: second, frame, network, scale: scale))
    case .behind(let first, let second):
      Layer(
        try ResidualBlock(weights, norm: nil, outputNorm: first, frame, attention, scale: scale),
        try ResidualBlock(weights, norm: nil, outputNorm: second, frame, network, scale: scale))
    case .around(let first, let second, let third, let fourth):
      Layer(
        try ResidualBlock(weights, norm: first, outputNorm: second, frame, attention, scale: scale),
        try ResidualBlock(weights, norm: third, outputNorm: fourth, frame, network, scale: scale))
    case .shared(let norm):
      Layer(
        try ResidualBlock(
          weights, norm: norm, frame, SumOfMixers(branches: [.init(mixer: attention), .init(mixer: network)]),
          scale: scale))
    }
  }
}

extension ConfigReader {
  /// The window of each layer: `sliding_window` where `layer_types` says `sliding_attention`, or in a file without such a
  /// list where the family has windows; `nil` for layers that see everything.
  ///
  /// - Parameters:
  ///   - layers: the number of layers.
  ///   - fallback: the window of models whose file does not mention any; where it says null, there is none.
  ///   - isSliding: whether a layer has a window where the file does not say.
  public func windows(
    layers: Int, default fallback: Int? = nil, where isSliding: (Int) -> Bool
  ) throws(ModelError) -> [Int?] {
    let window = try optionalLength("sliding_window", default: fallback)
    let isUsed = try flag("use_sliding_window", default: true)
    ignore(["max_window_layers", "sliding_window_pattern", "_sliding_window_pattern"])
    guard let kinds = try strings("layer_types") else {
      return (0..<layers).map { isUsed && isSliding($0) ? window : nil }
    }
    try require(
      kinds.count == layers && kinds.allSatisfy { ["full_attention", "sliding_attention"].contains($0) },
      "layer_types", "expected \(layers) of full_attention or sliding_attention")
    try require(
      window != nil || !kinds.contains("sliding_attention"), "sliding_window",
      "is missing, expected the number of tokens that layers of sliding_attention look at")
    return kinds.map { $0 == "sliding_attention" ? window : nil }
  }

  /// The windows of models of which each last of so many layers sees everything, `sliding_window_pattern`.
  public func windows(
    layers: Int, every period: Int, default fallback: Int? = nil
  ) throws(ModelError) -> [Int?] {
    let period = try size("sliding_window_pattern", "_sliding_window_pattern", default: period)
    return try windows(layers: layers, default: fallback) { ($0 + 1) % period != 0 }
  }

  /// The windows of Qwen's models, which have them from layer `max_window_layers` on where `use_sliding_window` is set.
  func windowsOfLastLayers(_ layers: Int, isUsed: Bool) throws(ModelError) -> [Int?] {
    guard try flag("use_sliding_window", default: isUsed) else {
      ignore(["max_window_layers", "sliding_window"])
      guard let kinds = try strings("layer_types") else { return Array(repeating: nil, count: layers) }
      try require(
        kinds.count == layers && kinds.allSatisfy { $0 == "full_attention" }, "layer_types",
        "expected full_attention in all \(layers) layers, as use_sliding_window is false")
      return Array(repeating: nil, count: layers)
    }
    let first = try count("max_window_layers", default: 28)
    return try windows(layers: layers, default: 4096) { $0 >= first }
  }
}
