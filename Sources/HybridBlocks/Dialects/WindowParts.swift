internal import InferCore
internal import InferText

// Windows in llama.cpp's files, and norms of layers that have more of them than two.

extension GGUFDescription {
  /// The window, and the layers that have it.
  ///
  /// - Parameters:
  ///   - config: the configuration.
  ///   - isSliding: whether a layer has the window where the file does not say.
  func windows(into config: inout Configuration, where isSliding: (Int) -> Bool) throws(ModelError) {
    let key = "attention.sliding_window"
    let layers = config["num_hidden_layers"]?.int ?? 0
    let window = try count(key, default: 0)
    guard window > 0 else {
      config.set("sliding_window", .null, from: .key(key))
      return config.set("layer_types", Self.kinds(Array(repeating: false, count: layers)), from: .key(key))
    }
    config.set("sliding_window", .integer(window), from: .key(key), isComputed: false)
    let pattern = "attention.sliding_window_pattern"
    var sliding = (0..<layers).map(isSliding)
    if value(pattern)?.array != nil {
      sliding = try flags(pattern, layers: layers) ?? sliding
    } else if has(pattern) {
      let period = try count(pattern)
      sliding = (0..<layers).map { period == 0 || $0 % period < period - 1 }
    }
    config.set("layer_types", Self.kinds(sliding), from: .key(has(pattern) ? pattern : key))
  }

  /// A count that layers with windows have in common, and those that see everything.
  func counts(
    _ key: String, where isWindowed: [Bool], default fallback: Int? = nil
  ) throws(ModelError) -> (whole: Int, windowed: Int) {
    let counts = try counts(key, layers: isWindowed.count, default: fallback)
    func common(_ kind: Bool) throws(ModelError) -> Int? {
      let own = zip(counts, isWindowed).filter { $0.1 == kind }.map(\.0)
      guard own.allSatisfy({ $0 == own[0] }) else {
        throw wrong(key, "\(own) in layers \(kind ? "with windows" : "that see everything")", "one count for these")
      }
      return own.first
    }
    let (whole, windowed) = (try common(false), try common(true))
    let other = counts.first ?? fallback ?? 0
    return (whole ?? other, windowed ?? other)
  }

  /// The rotary positions of both kinds of layers, those with windows having a base of their own and the others being
  /// described by `whole`.
  func rotaryOfKinds(
    _ whole: [String: JSONValue], windowed others: [String: JSONValue] = [:], theta: (whole: Double, windowed: Double),
    into config: inout Configuration
  ) throws(ModelError) {
    let base = try number("rope.freq_base", default: theta.whole)
    let local = try number("rope.freq_base_swa", default: theta.windowed)
    let full: [String: JSONValue] = ["rope_type": "default", "rope_theta": .number(base)]
    let sliding: [String: JSONValue] = ["rope_type": "default", "rope_theta": .number(local)]
    config.set("rope_parameters", .object([:]), from: "rope.freq_base")
    config.set(
      "rope_parameters.full_attention", Self.object(full.merging(whole) { $1 }), from: "rope.freq_base")
    config.set(
      "rope_parameters.sliding_attention", Self.object(sliding.merging(others) { $1 }), from: "rope.freq_base_swa")
  }

  private static func object(_ members: [String: JSONValue]) -> JSONValue {
    var object: JSONValue = .object([:])
    for (key, value) in members.sorted(by: { $0.key < $1.key }) { object[key] = value }
    return object
  }

  /// Sets the kind of each layer's network, dense or with experts, by the tensors of routers.
  func expertLayers(into config: inout Configuration) {
    let router = "ffn_gate_inp.weight"
    let kinds = (0..<(config["num_hidden_layers"]?.int ?? 0)).map { layer -> JSONValue in
      tensors["blk.\(layer).\(router)"] == nil ? "dense" : "sparse"
    }
    config.set("mlp_layer_types", .array(kinds), from: .tensor(router))
  }

  private static func kinds(_ isSliding: [Bool]) -> JSONValue {
    .array(isSliding.map { $0 ? "sliding_attention" : "full_attention" })
  }
}

extension DialectMetadata {
  /// The window, and the layers that have it.
  mutating func windows(_ windows: [Int?]) {
    guard let window = windows.compactMap(\.self).first else { return }
    self["attention.sliding_window"] = .count(window)
    self["attention.sliding_window_pattern"] = .array(windows.map { .bool($0 != nil) })
  }

  /// The attention of a transformer, the positions of its first layer that has any, and its windows.
  mutating func attention(_ attention: LayeredAttention) {
    self.attention(attention.shape)
    if let rotary = attention.rotary { self.rotary(rotary) }
    windows(attention.sights.map(\.window))
  }
}

extension LayeredAttention {
  /// The positions of the layers that see everything, or where these have none, of others.
  var rotary: RotaryEmbedding? {
    (sights.first { $0.window == nil && $0.rotary != nil } ?? sights.first { $0.rotary != nil })?.rotary
  }
}

extension TensorRule {
  /// Norms behind attention and network.
  static func outputNorms(
    attention: String = "post_attention_layernorm", network: String = "post_feedforward_layernorm",
    _ form: TensorRule.Form = .same
  ) -> [TensorRule] {
    [
      TensorRule("blk.{n}.post_attention_norm.weight", as: "model.layers.{n}.\(attention).weight", form),
      TensorRule("blk.{n}.post_ffw_norm.weight", as: "model.layers.{n}.\(network).weight", form),
    ]
  }

  /// The two norms of a transformer's layer, of which files name the second for what it stands behind.
  static func layerNormsBehindAttention() -> [TensorRule] {
    [
      TensorRule("blk.{n}.attn_norm.weight", as: "model.layers.{n}.input_layernorm.weight"),
      TensorRule("blk.{n}.post_attention_norm.weight", as: "model.layers.{n}.post_attention_layernorm.weight"),
      TensorRule("blk.{n}.ffn_norm.weight", as: "model.layers.{n}.post_attention_layernorm.weight"),
    ]
  }

  /// The router of experts.
  static func router(_ name: String = "mlp.gate.weight") -> TensorRule {
    TensorRule("blk.{n}.ffn_gate_inp.weight", as: "model.layers.{n}.\(name)")
  }
}

extension Configuration {
  /// Whether each layer has a window, once that is known.
  var windowedLayers: [Bool] { (values["layer_types"]?.array ?? []).map { $0.string == "sliding_attention" } }
}
