internal import InferCore
internal import InferText

/// Gemma 3n's text models, which are read and not written: llama.cpp wants keys of layers that have none, and takes the layers
/// that see the keys of others and those whose gates are shut to be those of the published models.
enum Gemma3nDialect: Dialect {
  static let architectures = ["gemma3n"]
  static let fields: [DialectField<Gemma3n>] =
    DialectField.frame() + [
      .count("embedding_length_per_layer_input", "hidden_size_per_layer_input") { $0.layerInput.width },
      .count("altup.num_inputs", "altup_num_inputs") { $0.lanes },
      .count("altup.active_idx", "altup_active_idx") { $0.activeLane },
    ]

  static func complete(_ config: inout Configuration, from file: GGUFDescription) throws(ModelError) {
    config.set("model_type", "gemma3n_text", from: .architecture)
    try file.attention(into: &config)
    try file.windows(into: &config) { ($0 + 1) % 5 != 0 }
    try file.rotaryOfKinds([:], theta: (whole: 1_000_000, windowed: 10_000), into: &config)
    file.layerInputs(into: &config)
    let layers = config.windowedLayers.count
    // Published models share those of the first twenty.
    try file.sharingLayers(into: &config, default: max(0, layers - 20))
    let widths = try file.counts("feed_forward_length", layers: layers)
    config.set("intermediate_size", .array(widths.map(JSONValue.integer)), from: "feed_forward_length")
    // Files of old do not say that logits are held within 30.
    if file.has("final_logit_softcapping") {
      let cap = try file.number("final_logit_softcapping")
      config.set("final_logit_softcapping", .number(cap), from: "final_logit_softcapping", isComputed: false)
    }
    if let deviations = try file.numbers("activation_sparsity_scale", layers: layers) {
      let shares = deviations.map { JSONValue.number(normalShare(below: $0)) }
      config.set("activation_sparsity_pattern", .array(shares), from: "activation_sparsity_scale")
    }
    let rank = try file.shape(of: "blk.0.laurel_l.weight", dimensions: 2)[0]
    config.set("laurel_rank", .integer(rank), from: .tensor("blk.0.laurel_l.weight"))
    file.flag("altup_correct_scale", hasInLayers: "altup_correct_scale.weight", into: &config)
  }

  static func rules(_ family: Gemma3n) -> [TensorRule] {
    let (layer, heads) = ("model.layers.{n}", "model.layers.{n}.self_attn")
    let maps = [("altup_proj", "altup_projections"), ("altup_unembd_proj", "altup_unembed_projections")]
    return TensorRule.frame() + TensorRule.attention(heads) + TensorRule.headNorms(heads) + TensorRule.outputNorms()
      + TensorRule.layerNorms(second: "pre_feedforward_layernorm") + TensorRule.feedForward()
      + TensorRule.layerInputs()
      + maps.map { TensorRule("\($0).weight", as: "model.\($1).{e}.weight", .experts(family.lanes - 1)) } + [
        TensorRule("blk.{n}.altup_correct_scale.weight", as: "\(layer).altup.correct_output_scale"),
        TensorRule("blk.{n}.altup_correct_coef.weight", as: "\(layer).altup.correction_coefs.weight"),
        TensorRule("blk.{n}.altup_predict_coef.weight", as: "\(layer).altup.prediction_coefs.weight"),
        TensorRule("blk.{n}.altup_router.weight", as: "\(layer).altup.modality_router.weight"),
        TensorRule("blk.{n}.altup_router_norm.weight", as: "\(layer).altup.router_norm.weight"),
        TensorRule("blk.{n}.laurel_l.weight", as: "\(layer).laurel.linear_left.weight"),
        TensorRule("blk.{n}.laurel_r.weight", as: "\(layer).laurel.linear_right.weight"),
        TensorRule("blk.{n}.laurel_post_norm.weight", as: "\(layer).laurel.post_laurel_norm.weight"),
      ]
  }

  static func architecture(of family: Gemma3n) -> String? { nil }

  static func describe(_ family: Gemma3n, in metadata: inout DialectMetadata) {}
}
