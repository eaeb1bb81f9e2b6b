internal import InferCore

/// RWKV 6 (Finch), as RWKV's own repositories store it: a matrix of each head, and ReLU² networks with a gate, both of which see
/// mixes of a token and the one before it.
struct RWKV6: ModelFamily {
  static let models = "RWKV 6"
  static let layers = "RWKV 6"
  static let modelTypes = ["rwkv6"]
  /// Sizes that follow from others, the version, and the length that training had: a state has one size however long a
  /// sequence is. Halving the stream at every so many layers, with weights that are halved on the way, keeps it within 16 bits and
  /// changes nothing else.
  static let inertKeys = [
    "context_length", "max_position_embeddings", "model_version", "num_attention_heads", "rescale_every",
  ]

  private(set) var frame: ModelFrame
  let layerCount: Int
  let timeMix: TimeMix6.Shape
  let headEpsilon: Float
  let hidden: Int
  /// The number of layers behind each of which the stream is halved, as the weights behind it are; 0 for none.
  let halvingPeriod: Int

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(
      config, epsilonKey: "layer_norm_epsilon", epsilon: 1e-5, contextLength: ConfigReader.unlimitedContext)
    frame.contextLength = ConfigReader.unlimitedContext
    frame.embedding = "rwkv.embeddings"
    frame.norm = "rwkv.ln_out"
    frame.normKind = .layer(bias: true)
    layerCount = try config.size("num_hidden_layers")
    let width = frame.width
    let inner = try config.size("attention_hidden_size", default: width)
    try config.require(
      inner == width, "attention_hidden_size", "\(inner) is not supported, expected the width \(width)")
    let headSize = try config.size("head_size", default: 64)
    try config.require(width % headSize == 0, "head_size", "\(headSize) does not divide the width \(width)")
    let isWide = width == 4096
    timeMix = TimeMix6.Shape(
      width: width, headSize: headSize,
      mixRank: try config.size("time_mix_extra_dim", default: isWide ? 64 : 32),
      decayRank: try config.size("time_decay_extra_dim", default: isWide ? 128 : 64))
    let divisor = try config.positive("head_size_divisor", default: 8)
    headEpsilon = Float(1e-5 * divisor * divisor)
    hidden = try config.size("intermediate_size", default: max(width * 7 / 2 / 32 * 32, 32))
    halvingPeriod = try config.count("halved_every", default: 0)
  }

  /// Bottlenecks are stored as maps from the left, and the head without the name that others have.
  var storedForms: [StoredForm] {
    let (width, mixes, decays) = (timeMix.width, timeMix.mixRank, timeMix.decayRank)
    return [
      .renamed("lm_head.weight", from: "head.weight"),
      .transposed("mix_down.weight", from: "time_maa_w1", shape: [width, 5 * mixes]),
      .transposed("mix_up.weight", from: "time_maa_w2", shape: [5, mixes, width]),
      .transposed("decay_down.weight", from: "time_decay_w1", shape: [width, decays]),
      .transposed("decay_up.weight", from: "time_decay_w2", shape: [decays, width]),
    ]
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let width = frame.width
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["rwkv"]["blocks"][index]
      var blocks: [any Block] = index == 0 ? [StreamNorm(try frame.norm(layer["pre_ln"]))] : []
      let mixer = try TimeMix6(layer["attention"], timeMix, epsilon: headEpsilon, state: &state)
      blocks.append(ResidualBlock(norm: try frame.norm(layer["ln1"]), mixer: mixer))
      let names = layer["feed_forward"]
      let network = ChannelMix(
        width: width, keyMix: try names.floats("time_maa_k", shape: [1, 1, width]),
        network: try .reluSquared(names, width: width, hidden: hidden, up: "key", down: "value"),
        receptance: (
          mix: try names.floats("time_maa_r", shape: [1, 1, width]),
          map: try Linear(names["receptance"], input: width, output: width)
        ), state: &state, stage: names.stage)
      blocks.append(ResidualBlock(norm: try frame.norm(layer["ln2"]), mixer: network))
      if halvingPeriod > 0 && (index + 1) % halvingPeriod == 0 { blocks.append(StreamScale(0.5)) }
      layers.append(Layer(blocks))
    }
    return layers
  }
}

extension StoredForm {
  /// A matrix, or a stack of them, of which the transpose is stored, with these sizes.
  static func transposed(_ name: String, from stored: String, shape: [Int]) -> StoredForm {
    StoredForm(name, from: stored, shape: shape) { stored throws(ModelError) in
      let stack = shape.count == 2 ? stored.renamed(stored.name, shape: [1] + shape) : stored
      let turned = try stack.transposed(stored.name)
      return shape.count == 2 ? turned.renamed(stored.name, shape: Array(shape.reversed())) : turned
    }
  }
}
