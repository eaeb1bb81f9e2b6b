internal import InferCore

/// EXAONE 4: norms behind attention and network, and of query and key heads. Large models have windows in three of four
/// layers, and positions in no others.
struct Exaone4: ModelFamily {
  static let models = "EXAONE 4"
  static let layers = "attention, in windows as well"
  static let modelTypes = ["exaone4"]

  let frame: ModelFrame
  let attention: LayeredAttention
  let hidden: Int

  var layerCount: Int { attention.sights.count }

  init(_ config: ConfigReader) throws(ModelError) {
    frame = try ModelFrame(config)
    let layers = try config.size("num_hidden_layers")
    try config.expect("hidden_act", try config.string("hidden_act", default: "silu"), is: "silu")
    let isSliding = try Self.pattern(config)
    let windows = try config.windows(layers: layers, default: 4096, where: isSliding)
    let shape = try config.attentionShape(width: frame.width, bias: false)
    let rotary = try config.rotary(
      headDimension: shape.headDimension, contextLength: frame.contextLength, theta: 10_000)
    // Without any window, all layers have positions.
    let hasWindow = try config.optionalLength("sliding_window", default: 4096) != nil
    attention = LayeredAttention(
      shape, sights: windows.map { LayerSight(window: $0, rotary: hasWindow && $0 == nil ? nil : rotary) },
      headNorms: .heads)
    hidden = try config.size("intermediate_size")
  }

  /// Whether a layer has a window: all but the last of each so many, or those with an L in a pattern of L and G.
  private static func pattern(_ config: ConfigReader) throws(ModelError) -> @Sendable (Int) -> Bool {
    let key = "sliding_window_pattern"
    guard config.has(key) else { return { ($0 + 1) % 4 != 0 } }
    if let period = try? config.count(key) {
      return { period > 0 && ($0 + 1) % period != 0 }
    }
    let pattern = Array(try config.string(key).utf8)
    try config.require(
      !pattern.isEmpty && pattern.allSatisfy { [UInt8(ascii: "L"), UInt8(ascii: "G")].contains($0) }, key,
      "expected a number of layers, or a text of L for layers with a window and G for others")
    return { pattern[$0 % pattern.count] == UInt8(ascii: "L") }
  }

  func layers(reading weights: WeightScope, state: inout StateLayout) throws(ModelError) -> [Layer] {
    try attention.layers(weights, frame, .usualBehind, state: &state) { layer, _ throws(ModelError) in
      try FeedForward.swiGLU(layer["mlp"], width: frame.width, hidden: hidden)
    }
  }
}
