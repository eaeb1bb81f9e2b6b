internal import Glibc
internal import InferCore

/// RWKV 7 (Goose), as flash-linear-attention stores it: a matrix of each head, and ReLU² networks, both of which see a mix of
/// a token and the one before it.
struct RWKV7: ModelFamily {
  static let models = "RWKV 7"
  static let layers = "RWKV 7"
  static let modelTypes = ["rwkv7"]
  /// Ways to compute, and the length that training had: a state has one size however long a sequence is.
  static let inertKeys = [
    "attn_mode", "fuse_cross_entropy", "fuse_linear_cross_entropy", "fuse_norm", "max_position_embeddings",
    "use_l2warp",
  ]

  private(set) var frame: ModelFrame
  let layerCount: Int
  let timeMix: TimeMix7.Shape
  let hidden: Int
  /// Whether embedded tokens are normalised.
  let normsEmbedding: Bool

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(
      config, epsilonKey: "norm_eps", epsilon: 1e-5, contextLength: ConfigReader.unlimitedContext)
    frame.contextLength = ConfigReader.unlimitedContext
    frame.embedding = "model.embeddings"
    frame.normKind = .layer(bias: try config.flag("norm_bias", default: true))
    layerCount = try config.size("num_hidden_layers")
    normsEmbedding = try config.flag("norm_first", default: true)
    try config.expect("hidden_act", try config.string("hidden_act", default: "sqrelu"), is: "sqrelu")
    try config.require(!config.has("attn"), "attn", "layers of attention are not supported, expected null")
    let width = frame.width
    let headSize = try Self.headSize(config, width: width)
    let values = try config.sizes("value_dim", layers: layerCount, default: width)
    try config.require(
      values.allSatisfy { $0 == width }, "value_dim", "\(values) is not supported, expected \(width) in every layer")
    timeMix = try Self.shape(config, width: width, headSize: headSize, epsilon: frame.epsilon)
    if config.has("intermediate_size") {
      hidden = try config.size("intermediate_size")
      config.ignore(["hidden_ratio"])
    } else {
      let product = try config.positive("hidden_ratio", default: 4) * Double(width)
      try config.require(
        product >= 1 && product <= Double(ConfigReader.largestSize), "hidden_ratio", "makes \(product) columns")
      hidden = (Int(product) + 31) / 32 * 32
    }
  }

  private static func headSize(_ config: ConfigReader, width: Int) throws(ModelError) -> Int {
    let size: Int
    if config.has("head_dim") {
      size = try config.size("head_dim")
      config.ignore(["num_heads"])
    } else if config.has("num_heads") {
      let heads = try config.size("num_heads")
      try config.require(width % heads == 0, "num_heads", "\(heads) does not divide the width \(width)")
      size = width / heads
    } else {
      size = 64
    }
    try config.require(width % size == 0, "head_dim", "\(size) does not divide the width \(width)")
    return size
  }

  private static func shape(
    _ config: ConfigReader, width: Int, headSize: Int, epsilon: Float
  ) throws(ModelError) -> TimeMix7.Shape {
    /// The width of a bottleneck where the file does not say.
    func usual(_ factor: Double, heads: Bool = true) -> Int {
      let share = heads ? Double(headSize) / 64 : 1
      return max(32, Int((factor * Double(width).squareRoot() * share / 32).rounded(.toNearestOrEven)) * 32)
    }
    return TimeMix7.Shape(
      width: width, headSize: headSize,
      decayRank: try config.size("decay_low_rank_dim", default: usual(2.5)),
      learningRank: try config.size("a_low_rank_dim", default: usual(2.5)),
      valueRank: try config.size("v_low_rank_dim", default: usual(1.7)),
      gateRank: try config.size("gate_low_rank_dim", default: usual(5, heads: false)),
      headEpsilon: Float(try config.positive("head_norm_eps", default: Double(epsilon) * Double(headSize))))
  }

  /// Older files have all mixes in one tensor.
  var storedForms: [StoredForm] {
    ["r", "w", "k", "v", "a", "g"].enumerated().map { index, name in
      let width = frame.width
      return StoredForm("attn.x_\(name)", from: "attn.x_x", shape: [6, width]) { stored throws(ModelError) in
        try stored.slices(index..<index + 1, name: stored.name).renamed(stored.name, shape: [1, 1, width])
      }
    }
  }

  func side(reading weights: WeightScope) -> (any StreamSide)? { FirstValues(columns: frame.width) }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let width = frame.width
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      var blocks: [any Block] = []
      if index == 0 && normsEmbedding {
        blocks.append(StreamBlock(StreamNorm(try frame.norm(layer["pre_norm"])), width: width))
      }
      let mixer = try TimeMix7(layer["attn"], timeMix, isFirst: index == 0, state: &state)
      blocks.append(TimeMix7Block(norm: try frame.norm(layer["attn_norm"]), mixer: mixer))
      let network = ChannelMix(
        width: width, keyMix: try layer["ffn"].vector("x_k", count: width),
        network: try .reluSquared(layer["ffn"], width: width, hidden: hidden, up: "key", down: "value"),
        state: &state, stage: layer.stage)
      blocks.append(StreamBlock(ResidualBlock(norm: try frame.norm(layer["ffn_norm"]), mixer: network), width: width))
      layers.append(Layer(blocks))
    }
    return layers
  }
}
