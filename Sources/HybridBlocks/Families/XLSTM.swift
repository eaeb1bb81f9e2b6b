internal import InferCore

/// xLSTM 7B: matrix memories and SwiGLU; logits within a cap.
struct XLSTM: ModelFamily {
  static let models = "xLSTM 7B"
  static let layers = "mLSTM"
  static let modelTypes = ["xlstm"]
  /// Ways to compute, and sizes that follow from others or that nothing reads.
  static let inertKeys = [
    "autocast_kernel_dtype", "chunk_size", "chunkwise_kernel", "embedding_dim", "force_bos_token_insert", "head_dim",
    "inference_state_dtype", "max_inference_chunksize", "mode", "norm_reduction_force_float32", "num_blocks",
    "return_last_states", "sequence_kernel", "step_kernel", "weight_mode",
  ]

  private(set) var frame: ModelFrame
  let layerCount: Int
  let memory: MatrixLSTM.Shape
  let epsilon: (memory: Float, norm: Float)
  let hidden: Int

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config, epsilonKey: "norm_eps", epsilon: 1e-6, contextLength: ConfigReader.unlimitedContext)
    frame.embedding = "backbone.embeddings"
    frame.norm = "backbone.out_norm"
    frame.logitCap = Float(try config.positive("output_logit_soft_cap", default: 30))
    layerCount = try config.size("num_hidden_layers", "num_blocks")
    try config.expect("add_out_norm", try config.flag("add_out_norm", default: true), is: true)
    // Norms of the stream would have biases as well.
    try config.expect("use_bias", try config.flag("use_bias", default: false), is: false)
    memory = try Self.memoryShape(config, width: frame.width)
    epsilon = (memory: Float(try config.positive("eps", default: 1e-6)), norm: frame.epsilon)
    hidden = try Self.channels(
      config, "ffn_proj_factor", of: frame.width, default: 2.667,
      multiple: config.size("ffn_round_up_to_multiple_of", default: 64))
  }

  private static func memoryShape(_ config: ConfigReader, width: Int) throws(ModelError) -> MatrixLSTM.Shape {
    let heads = try config.size("num_heads", default: 8)
    let keys = try channels(config, "qk_dim_factor", of: width, default: 0.5)
    let values = try channels(config, "v_dim_factor", of: width, default: 1)
    try config.require(
      keys % heads == 0 && values % heads == 0, "num_heads", "\(heads) does not divide \(keys) and \(values) channels")
    // Memories hold the exponentials of input gates.
    let cap = try config.positive("gate_soft_cap", default: 15)
    try config.require(cap <= 40, "gate_soft_cap", "\(cap), expected at most 40")
    return MatrixLSTM.Shape(
      width: width, heads: heads, keyDimension: keys / heads, valueDimension: values / heads, gateCap: Float(cap))
  }

  /// So many times a width, in whole multiples that are at least as much but for a fraction, or without one rounded down.
  private static func channels(
    _ config: ConfigReader, _ key: String, of width: Int, default fallback: Double, multiple: Int? = nil
  ) throws(ModelError) -> Int {
    let product = try config.positive(key, default: fallback) * Double(width)
    try config.require(
      product >= 1 && product <= Double(ConfigReader.largestSize), key, "makes \(product) channels")
    guard let multiple else { return Int(product) }
    return (Int(product) + multiple - 1) / multiple * multiple
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    let names = GatedNames(gate: "proj_up_gate", up: "proj_up", down: "proj_down")
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["backbone"]["blocks"][index]
      let mixer = try MatrixLSTM(layer["mlstm_layer"], memory, epsilon: epsilon, state: &state)
      let network = try FeedForward.swiGLU(layer["ffn"], width: frame.width, hidden: hidden, names: names)
      layers.append(try LayerNorms.before("norm_mlstm", "norm_ffn").layer(layer, frame, mixer, network))
    }
    return layers
  }

  /// Gate and up as one have another name.
  var storedForms: [StoredForm] {
    [.renamed("gate_up_proj.weight", from: "proj_up_gate_z.weight")]
  }
}
