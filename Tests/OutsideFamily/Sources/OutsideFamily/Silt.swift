import InferKit

/// A family with state of both kinds: attention of its own, then ``Memory``.
struct Silt: ModelFamily {
  static let models = "Silt"
  static let layers = "attention, memory"
  static let modelTypes = ["silt"]
  static let inertKeys = ["hidden_act", "mlp_bias"]

  let frame: ModelFrame
  let layerCount: Int
  let attention: Attention.Shape
  let rotary: RotaryEmbedding
  let hidden: Int

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    layerCount = try config.size("num_hidden_layers")
    attention = try config.attentionShape(width: frame.width, bias: config.flag("attention_bias"))
    rotary = try config.rotary(headDimension: attention.headDimension, contextLength: frame.contextLength)
    hidden = try config.size("intermediate_size")
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      let heads = try Heads(layer["self_attn"], attention, rotary, state: &state)
      let memory = try Memory(layer["mlp"], width: frame.width, hidden: hidden, state: &state)
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, heads),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, memory)))
    }
    return layers
  }
}

/// Attention with keys and values in pages of its own.
struct Heads: Mixer {
  let shape: Attention.Shape
  let input: Linear
  let output: Linear
  let rotary: RotaryEmbedding
  let cache: StateHandle

  init(
    _ weights: WeightScope, _ shape: Attention.Shape, _ rotary: RotaryEmbedding, state: inout StateLayout
  ) throws(ModelError) {
    let (q, k) = (shape.queryHeads * shape.headDimension, shape.keyHeads * shape.headDimension)
    self.shape = shape
    self.rotary = rotary
    input = try Linear(
      [
        .init(weights["q_proj"], output: q), .init(weights["k_proj"], output: k),
        .init(weights["v_proj"], output: k, role: .value),
      ], input: shape.width, bias: shape.bias)
    output = try Linear(weights["o_proj"], input: q, output: shape.width, bias: shape.outputBias)
    cache = state.add(.paged(heads: shape.keyHeads, headDimension: shape.headDimension))
  }

  var letter: Character { "A" }

  func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {
    let (d, heads) = (shape.headDimension, shape.keyHeads)
    let (q, k) = (shape.queryHeads * d, heads * d)
    var projected = step.take(rows: x.count, columns: q + 2 * k)
    input.apply(x, into: &projected, step)
    var angles = step.take(rows: x.count, columns: rotary.dimension)
    rotary.fillAngles(&angles, step)
    do {
      var turned = projected.columns(0..<q + k)
      rotary.rotate(&turned, headDimension: d, angles: angles.rows, step)
    }
    let rows = projected.rows
    appendToCache(
      keys: rows.columns(q..<q + k), values: rows.columns(q + k..<q + 2 * k), heads: heads, headDimension: d,
      cache: cache, step)
    var mixed = step.take(rows: x.count, columns: q)
    attend(
      queries: rows.columns(0..<q), queryHeads: shape.queryHeads, heads: heads, headDimension: d,
      scale: 1 / Float(d).squareRoot(), cache: cache, into: &mixed, step)
    output.apply(mixed.rows, into: &out, step)
  }
}
