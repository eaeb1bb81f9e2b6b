internal import InferCore

/// The open Hunyuan models of the first generation, dense (0.5B … 7B) and mixture of experts (A13B): attention with
/// norms of query and key heads after rotation, then SwiGLU or experts beside an ungated shared one. Of Hunyuan-Large's
/// layers every other one attends to the keys and values of the layer before it.
struct HunyuanV1: ModelFamily {
  static let models = "Hunyuan 0.5B … 7B, A13B, Large"
  static let layers = "attention, also over the keys of another layer; experts"
  static let modelTypes = ["hunyuan_v1_dense", "hunyuan_v1_moe", "hunyuan"]
  /// Keys of training and of images, and keys of grouped routing and latent attention, which are refused.
  static let inertKeys = [
    "add_classification_head", "anyres_pooling_size", "anyres_vit_max_image_size", "anyres_vit_two_views",
    "class_num", "dense_list", "enable_lm_head_fp32", "im_end_id", "im_newline_id", "im_start_id",
    "image_token_id", "mask_init_id", "max_seq_length", "moe_drop_tokens", "moe_random_routing_dropped_token",
    "n_group", "norm_type", "num_media_embeds", "org_vocab_size", "pad_id", "pool_type",
    "routed_scaling_factor", "skip_cls_token", "sparse_vit", "text_end_id", "text_start_id", "topk_group",
    "video_end_id", "video_start_id", "vit_input_resolution", "vit_mapping_type", "vit_norm_type", "vit_patch",
    "vit_path", "vit_remove_prenorm", "vit_token", "vit_type", "vit_used_rms_norm",
  ]

  struct ExpertLayer: Sendable {
    let topK: Int
    let width: Int
    let shared: Int
  }

  let frame: ModelFrame
  let layerCount: Int
  let attention: Attention.Shape
  /// Layers that have their keys and values from the first of them.
  let sharedLayers: Int
  let rotary: RotaryEmbedding
  let usesHeadNorm: Bool
  let denseWidth: Int
  let expertCount: Int
  let expertLayers: [ExpertLayer]
  let normalizesWeights: Bool

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    layerCount = try config.size("num_hidden_layers")
    let modelType = try config.string("model_type")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    try config.expect(
      "position_embedding_xdrope", try config.flag("position_embedding_xdrope", default: false), is: false)
    try config.require(!config.has("xdrope_section"), "xdrope_section", "sections of positions are not supported")
    try config.expect("use_pack_kv", try config.flag("use_pack_kv", default: false), is: false)
    sharedLayers = try config.flag("use_cla", default: false) ? try config.size("cla_share_factor", default: 1) : 1
    config.ignore(["cla_share_factor"])
    try config.expect("mlp_bias", try config.flag("mlp_bias", default: false), is: false)
    let grouped = try config.flag("group_limited_greedy", default: false)
    try config.expect("group_limited_greedy", grouped, is: false)
    try config.expect("use_mla", try config.flag("use_mla", default: false), is: false)
    try config.expect("use_rotary_pos_emb", try config.flag("use_rotary_pos_emb", default: true), is: true)
    try config.expect("moe_layer_num_skipped", try config.count("moe_layer_num_skipped", default: 0), is: 0)
    try config.expect("norm_topk_prob", try config.flag("norm_topk_prob", default: true), is: true)
    attention = try config.attentionShape(
      width: frame.width, bias: try config.flag("attention_bias", default: false))
    rotary = try config.rotary(headDimension: attention.headDimension, contextLength: frame.contextLength)
    usesHeadNorm = try config.flag("use_qk_norm", default: true)
    let denseWidth = try config.size("intermediate_size")
    let count = try config.count("num_experts", default: modelType == "hunyuan_v1_dense" ? 0 : nil)
    // A model with one expert has no router.
    expertCount = modelType == "hunyuan_v1_dense" || count == 1 ? 0 : count
    expertLayers = expertCount == 0 ? [] : try Self.expertLayers(config, layerCount, denseWidth, experts: count)
    self.denseWidth = expertCount == 0 ? denseWidth : 0
    // One expert a token keeps its raw probability in the original code (Hunyuan-Large, `top1gating`).
    normalizesWeights = modelType != "hunyuan" || expertLayers.contains { $0.topK > 1 }
    config.ignore(["moe_topk", "num_shared_expert", "moe_intermediate_size", "use_mixed_mlp_moe"])
  }

  private static func expertLayers(
    _ config: ConfigReader, _ layers: Int, _ denseWidth: Int, experts: Int
  ) throws(ModelError) -> [ExpertLayer] {
    let topK = try config.sizes("moe_topk", layers: layers, default: 1)
    let widths = try config.sizes("moe_intermediate_size", layers: layers, default: denseWidth)
    let shared = try config.sizes("num_shared_expert", layers: layers, default: 1)
    let hasShared = try config.flag("use_mixed_mlp_moe", default: true)
    for k in topK { try config.require(k >= 1 && k <= experts, "moe_topk", "\(k) of \(experts) experts") }
    try config.require(!widths.contains(0), "moe_intermediate_size", "experts of width 0")
    return (0..<layers).map {
      ExpertLayer(topK: topK[$0], width: widths[$0], shared: hasShared ? shared[$0] * widths[$0] : 0)
    }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    var layers: [Layer] = []
    var cache: StateHandle?
    for index in 0..<layerCount {
      let layer = weights["model"]["layers"][index]
      if index % sharedLayers == 0 { cache = nil }
      let attention = try attentionLayer(layer["self_attn"], cache: &cache, &state)
      layers.append(
        Layer(
          try ResidualBlock(layer, norm: "input_layernorm", frame, attention),
          try ResidualBlock(layer, norm: "post_attention_layernorm", frame, feedForward(layer["mlp"], index))))
    }
    return layers
  }

  /// Attention to its own keys and values, where there are none yet, or to those there are.
  private func attentionLayer(
    _ weights: WeightScope, cache: inout StateHandle?, _ state: inout StateLayout
  ) throws(ModelError) -> any Mixer {
    let norms = try headNorms(weights)
    if let cache {
      return try CrossLayerAttention(weights, attention, rotary: rotary, queryNorm: norms?.query, cache: cache)
    }
    let layer = try Attention(
      weights, attention, rotary: rotary,
      headNorm: norms.map { .afterRotation(query: $0.query, key: $0.key) }, state: &state)
    cache = layer.cache
    return layer
  }

  /// Norms of query and key heads. Keys that several layers share are stored normalised, without the weights, of which
  /// every layer has its own: a product of a query and a key is the same when the query has the weights of both.
  private func headNorms(_ weights: WeightScope) throws(ModelError) -> (query: RMSNorm, key: RMSNorm)? {
    guard usesHeadNorm else { return nil }
    let width = attention.headDimension
    let query = try RMSNorm(weights["query_layernorm"], width: width, epsilon: frame.epsilon)
    let key = try RMSNorm(weights["key_layernorm"], width: width, epsilon: frame.epsilon)
    guard sharedLayers > 1 else { return (query, key) }
    return (
      RMSNorm(weight: zip(query.weight, key.weight).map { $0 * $1 }, epsilon: frame.epsilon),
      RMSNorm(weight: Array(repeating: 1, count: width), epsilon: frame.epsilon)
    )
  }

  private func feedForward(_ weights: WeightScope, _ index: Int) throws(ModelError) -> any Mixer {
    guard expertCount > 0 else { return try FeedForward.swiGLU(weights, width: frame.width, hidden: denseWidth) }
    let layer = expertLayers[index]
    return try MixtureOfExperts(
      weights, router: "gate.wg",
      selection: ExpertSelection(
        expertCount: expertCount, topK: layer.topK, scoring: .softmax, normalized: normalizesWeights),
      width: frame.width, hidden: layer.width,
      shared: layer.shared > 0
        ? try .swiGLU(weights["shared_mlp"], width: frame.width, hidden: layer.shared) : nil,
      layer: index)
  }
}
