internal import InferCore

/// Language models of Mamba or Mamba-2 layers alone, and Falcon-Mamba, which normalises time steps, B and C.
struct Mamba: ModelFamily {
  static let models = "Mamba, Mamba-2, Codestral Mamba, Falcon Mamba"
  static let layers = "Mamba or Mamba-2"
  static let modelTypes = ["mamba", "mamba2", "falcon_mamba"]
  static let inertKeys = [
    "chunk_size", "d_inner", "d_model", "fused_add_norm", "n_layer", "norm_before_gate", "pad_vocab_size_multiple",
    "rescale_prenorm_residual", "residual_in_fp32", "rope_scaling", "ssm_cfg", "time_step_floor",
    "time_step_init_scheme", "time_step_limit", "time_step_max", "time_step_min", "time_step_scale",
    "use_associative_scan", "use_falcon_mambapy", "use_mambapy",
  ]

  /// The mixer of the layers.
  enum Kind: Sendable {
    /// Mamba; with an ε, its time steps, B and C are normalised.
    case one(Mamba1.Shape, innerEpsilon: Float?)
    case two(Mamba2.Shape)
  }

  let frame: ModelFrame
  let layerCount: Int
  let kind: Kind

  init(_ config: ConfigReader) throws(ModelError) {
    let modelType = try config.string("model_type")
    var frame = try ModelFrame(
      config, epsilonKey: "layer_norm_epsilon", tiedByDefault: modelType != "mamba2",
      contextLength: ConfigReader.unlimitedContext)
    frame.embedding = "backbone.embeddings"
    frame.norm = "backbone.norm_f"
    self.frame = frame
    layerCount = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect("rms_norm", try config.flag("rms_norm", default: true), is: true)
    if modelType == "mamba2" {
      kind = .two(try Self.secondShape(config, width: frame.width))
      config.ignore(["expand", "intermediate_size", "time_step_rank"])
    } else {
      let epsilon = modelType == "mamba" ? nil : Float(try config.positive("mixer_rms_eps", default: 1e-6))
      kind = .one(try Self.firstShape(config, width: frame.width), innerEpsilon: epsilon)
      config.ignore(["expand"])
    }
  }

  private static func firstShape(_ config: ConfigReader, width: Int) throws(ModelError) -> Mamba1.Shape {
    // Falcon-Mamba's files state both, and an expansion that is not the one they have.
    let inner =
      config.has("intermediate_size")
      ? try config.size("intermediate_size") : try config.size("expand", default: 2) * width
    return Mamba1.Shape(
      width: width, inner: inner, stateSize: try config.size("state_size", default: 16),
      timeStepRank: try config.timeStepRank("time_step_rank", width: width),
      taps: try config.size("conv_kernel", default: 4),
      convolutionBias: try config.flag("use_conv_bias", default: true),
      projectionBias: try config.flag("use_bias", default: false))
  }

  private static func secondShape(_ config: ConfigReader, width: Int) throws(ModelError) -> Mamba2.Shape {
    try config.expectNoTimeStepLimit()
    let (heads, groups) = (try config.size("num_heads"), try config.size("n_groups", default: 8))
    try config.require(heads % groups == 0, "n_groups", "\(groups) does not divide \(heads) heads")
    let hasBias = try config.flag("use_bias", default: false)
    return Mamba2.Shape(
      width: width, heads: heads, headDimension: try config.size("head_dim"), groups: groups,
      stateSize: try config.size("state_size", default: 128), taps: try config.size("conv_kernel", default: 4),
      convolutionBias: try config.flag("use_conv_bias", default: true), inputBias: hasBias, outputBias: hasBias)
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    for index in 0..<layerCount {
      let layer = weights["backbone"]["layers"][index]
      let mixer: any Mixer
      switch kind {
      case .one(let shape, let innerEpsilon):
        let norms = innerEpsilon.map { Mamba1.InnerNorms(unweighted: shape, epsilon: $0) }
        mixer = try Mamba1(layer["mixer"], shape, norms: norms, state: &state)
      case .two(let shape):
        mixer = try Mamba2(layer["mixer"], shape, epsilon: frame.epsilon, state: &state)
      }
      layers.append(Layer(try ResidualBlock(layer, norm: "norm", frame, mixer)))
    }
    return layers
  }
}

extension Mamba1.InnerNorms {
  /// Norms without weights.
  fileprivate init(unweighted shape: Mamba1.Shape, epsilon: Float) {
    self.init(
      timeStep: RMSNorm(unweighted: shape.timeStepRank, epsilon: epsilon),
      b: RMSNorm(unweighted: shape.stateSize, epsilon: epsilon),
      c: RMSNorm(unweighted: shape.stateSize, epsilon: epsilon))
  }
}
