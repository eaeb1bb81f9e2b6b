internal import InferCore

/// gpt-oss: attention with sinks and biases, a window in every other layer, then experts with biases whose activation is
/// clamped.
struct GptOss: ModelFamily {
  static let models = "gpt-oss"
  static let layers = "attention with sinks, in windows as well; experts"
  static let modelTypes = ["gpt_oss"]
  static let inertKeys = ["experts_per_token", "initial_context_length"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let selection: ExpertSelection
  let expertWidth: Int
  let activation: Experts.Activation

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let windows = try config.windows(layers: layers, default: 128) { $0 % 2 == 0 }
    var shape = try config.attentionShape(width: frame.width, bias: try config.flag("attention_bias", default: true))
    shape.hasSinks = true
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 150_000)
    attention = LayeredAttention(shape, sights: windows.map { LayerSight(window: $0, rotary: rotary) })
    let experts = try config.size("num_local_experts", "num_experts")
    selection = ExpertSelection(
      expertCount: experts, topK: try config.chosenExperts(of: experts), scoring: .softmaxOfChosen)
    expertWidth = try config.size("intermediate_size")
    activation = .clampedSiluGated(
      alpha: Float(try config.positive("swiglu_alpha", default: 1.702)),
      limit: Float(try config.positive("swiglu_limit", default: 7)))
  }

  /// Rows of gates and ups alternate in one tensor of all experts: in MXFP4 as layers read them, `weight`, else transposed.
  var storedForms: [StoredForm] {
    let (count, width, hidden) = (selection.expertCount, frame.width, expertWidth)
    var forms: [StoredForm] = []
    for (index, name) in ["gate_proj", "up_proj"].enumerated() {
      forms += [
        StoredForm("experts.\(name).weight", from: "experts.gate_up_proj.weight", shape: [count, 2 * hidden, width]) {
          $0.alternate(index, name: $0.name)
        },
        StoredForm(
          "experts.\(name).weight", from: "experts.gate_up_proj", shape: [count, width, 2 * hidden]
        ) { stored throws(ModelError) in try stored.transposed(stored.name).alternate(index, name: stored.name) },
        StoredForm("experts.\(name).bias", from: "experts.gate_up_proj_bias", shape: [count, 2 * hidden]) { stored in
          .computed([stored], name: stored.name, shape: [count, hidden]) { parts in
            (0..<count * hidden).map { parts[0][2 * $0 + index] }
          }
        },
      ]
    }
    return forms + [
      StoredForm("experts.down_proj.weight", from: "experts.down_proj", shape: [count, hidden, width]) {
        stored throws(ModelError) in try stored.transposed(stored.name)
      },
      .renamed("experts.down_proj.bias", from: "experts.down_proj_bias"),
    ]
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, state: &state) { layer, index throws(ModelError) in
      try mixture(layer["mlp"], index)
    }
  }

  private func mixture(_ weights: WeightScope, _ index: Int) throws(ModelError) -> MixtureOfExperts {
    MixtureOfExperts(
      router: try Linear(
        weights["router"], input: frame.width, output: selection.expertCount, bias: true, role: .exact),
      selection: selection,
      experts: try Experts(
        stacked: weights["experts"], first: ["gate_proj.weight", "up_proj.weight"], second: "down_proj.weight",
        count: selection.expertCount, width: frame.width, hidden: expertWidth, activation: activation,
        biases: (["gate_proj.bias", "up_proj.bias"], "down_proj.bias"), role: .stored,
        layer: index))
  }
}

extension Tensor {
  /// Every second row of each matrix of a stack, from the given one on.
  ///
  /// - Precondition: matrices have rows in pairs.
  fileprivate func alternate(_ first: Int, name: String) -> Tensor {
    let (matrices, rows, columns) = (shape[0], shape[1], shape[2])
    return renamed(name, shape: [matrices * rows, columns]).rows(first..<first + 1, ofEach: 2, name: name)
      .renamed(name, shape: [matrices, rows / 2, columns])
  }
}
