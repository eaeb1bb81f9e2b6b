public import InferCore

extension ConfigReader {
  /// The longest sequence: `max_position_embeddings`, or more where YaRN is switched on in a file that still says what
  /// the model was trained on.
  public func contextLength(default fallback: Int? = nil) throws(ModelError) -> Int {
    let trained = try length("max_position_embeddings", "model_max_length", default: fallback)
    guard let parameters = try ropeParameters(), try parameters.ropeKind() == "yarn",
      parameters.has("original_max_position_embeddings")
    else { return trained }
    let stretched = try ropeFactor(parameters) * Double(try originalLength(parameters))
    return max(trained, Int(min(stretched, 0x1p31)))
  }

  /// Rotary positions: `rope_parameters`, or `rope_theta` and `rope_scaling` in older files.
  ///
  /// - Parameters:
  ///   - headDimension: dimensions of a head, all of which are rotated unless `part` says otherwise.
  ///   - contextLength: positions that angles are prepared for.
  ///   - theta: the base where the file has none.
  ///   - part: share of each head, from its first dimension on, that is rotated where the file has no
  ///     `partial_rotary_factor`. Families that rotate whole heads pass nothing and refuse any other share.
  ///   - pairing: the choice of the two dimensions that make a pair.
  ///   - key: the key of `headDimension`, for errors.
  /// - Throws: `ModelError` that names the key, and the kind if it is not known.
  public func rotary(
    headDimension: Int, contextLength: Int, theta: Double? = nil, part: Double? = nil,
    pairing: RotaryEmbedding.Pairing = .halves, key: String = "head_dim"
  ) throws(ModelError) -> RotaryEmbedding {
    let frequencies = try rotaryFrequencies(headDimension: headDimension, theta: theta, part: part, key: key)
    try require(
      contextLength <= (1 << 32) / frequencies.dimension, "max_position_embeddings",
      "\(contextLength) positions are too many for heads of \(frequencies.dimension)")
    return RotaryEmbedding(frequencies, pairing: pairing, contextLength: contextLength)
  }

  /// Rotary positions of layers with windows, in models that give them a base of their own: those that `rope_parameters`
  /// has for `sliding_attention`, or in older files the base of the given key, which is not stretched.
  ///
  /// - Parameters:
  ///   - headDimension: dimensions of a head.
  ///   - contextLength: positions that angles are prepared for.
  ///   - key: the key of the base in older files.
  ///   - theta: the base where the file has none.
  ///   - part: the share of each head that is rotated where the file has none; `nil` where whole heads are.
  public func windowedRotary(
    headDimension: Int, contextLength: Int, base key: String, theta: Double, part: Double? = nil
  ) throws(ModelError) -> RotaryEmbedding {
    let nested = has("rope_parameters") ? try object("rope_parameters")?.object("sliding_attention") : nil
    let base =
      if let nested { try nested.positive("rope_theta", default: theta) } else { try positive(key, default: theta) }
    let dimension = try rotatedDimension(headDimension, nested, part: part, "head_dim")
    let plain = RotaryFrequencies(dimension: dimension, base: base)
    let frequencies = if let nested { try stretch(plain, nested) } else { plain }
    return RotaryEmbedding(frequencies, contextLength: contextLength)
  }

  /// Rotary positions of a base and a share of each head that are known, stretched as an object says.
  ///
  /// - Parameters:
  ///   - headDimension: dimensions of a head.
  ///   - base: the base.
  ///   - part: the share of each head, from its first dimension on, that is rotated.
  ///   - parameters: the object; `nil` where they are not stretched.
  ///   - contextLength: positions that angles are prepared for.
  ///   - key: the key that gave the share, for errors.
  func rotary(
    headDimension: Int, base: Double, part: Double, stretchedBy parameters: ConfigReader?, contextLength: Int,
    key: String
  ) throws(ModelError) -> RotaryEmbedding {
    let dimension = Int(Double(headDimension) * min(part, 1))
    try require(
      part <= 1 && dimension > 0 && dimension % 2 == 0, key,
      "\(part), of which \(headDimension) dimensions are no pairs that can be rotated")
    var frequencies = RotaryFrequencies(dimension: dimension, base: base)
    if let parameters { frequencies = try stretch(frequencies, parameters) }
    return RotaryEmbedding(frequencies, contextLength: contextLength)
  }

  /// The frequencies that the pairs of a head's dimensions turn by; see
  /// ``rotary(headDimension:contextLength:theta:part:pairing:key:)``.
  func rotaryFrequencies(
    headDimension: Int, theta: Double? = nil, part: Double? = nil, key: String = "head_dim"
  ) throws(ModelError) -> RotaryFrequencies {
    let parameters = try ropeParameters()
    let base: Double
    if let parameters, parameters.has("rope_theta") {
      base = try parameters.positive("rope_theta")
      ignore(["rope_theta"])
    } else {
      base = try positive("rope_theta", default: theta)
    }
    let dimension = try rotatedDimension(headDimension, parameters, part: part, key)
    let plain = RotaryFrequencies(dimension: dimension, base: base)
    guard let parameters else { return plain }
    let frequencies = try stretch(plain, parameters)
    try parameters.require(
      frequencies.areUsable, "gives frequencies that are no finite numbers above 0, for heads of \(headDimension)")
    return frequencies
  }

  /// The object that describes rotary positions, if there is one. Where each kind of layer has its own, that of layers
  /// that see everything; see ``windowedRotary(headDimension:contextLength:base:theta:)``.
  func ropeParameters() throws(ModelError) -> ConfigReader? {
    let parameters = has("rope_parameters") ? try object("rope_parameters") : try object("rope_scaling")
    guard let parameters, parameters.has("full_attention") else { return parameters }
    parameters.ignore(["sliding_attention"])
    return try parameters.object("full_attention")
  }

  /// The ratio of the context to that of the first training: `factor`, or that of the two lengths.
  func ropeFactor(_ parameters: ConfigReader) throws(ModelError) -> Double {
    if parameters.has("factor") { return try parameters.positive("factor") }
    return Double(try maxPositions()) / Double(try originalLength(parameters))
  }

  private func rotatedDimension(
    _ headDimension: Int, _ parameters: ConfigReader?, part: Double?, _ key: String
  ) throws(ModelError) -> Int {
    var share = part ?? 1
    // Of this kind, the share is that of the pairs that turn, see below.
    let isProportional = try parameters?.ropeKind() == "proportional"
    for reader in [self, parameters].compactMap(\.self) where reader.has("partial_rotary_factor") && !isProportional {
      share = try reader.positive("partial_rotary_factor")
      try reader.require(
        part == nil ? share == 1 : share <= 1, "partial_rotary_factor",
        "\(share), expected \(part == nil ? "1: whole heads are rotated" : "at most 1")")
    }
    let dimension = Int(Double(headDimension) * share)
    try require(
      dimension > 0 && dimension % 2 == 0, key,
      "\(dimension) of \(headDimension) dimensions cannot be rotated, positions need pairs")
    // Far beyond any model, and little memory for the tables of cosines and sines.
    try require(dimension <= 1 << 12, key, "\(dimension), expected at most \(1 << 12)")
    return dimension
  }

  private func stretch(
    _ plain: RotaryFrequencies, _ parameters: ConfigReader
  ) throws(ModelError) -> RotaryFrequencies {
    // Text has the same position on every axis of images and films.
    parameters.ignore(["rope_type", "type", "mrope_section", "mrope_interleaved"])
    switch try parameters.ropeKind() {
    case "default":
      parameters.ignore(["factor", "original_max_position_embeddings"])
      return plain
    case "linear":
      return plain.linear(factor: try parameters.positive("factor"))
    case "dynamic" where parameters.has("alpha"), "ntk_alpha":
      // In every Hunyuan model, `factor` is 1 and the others are without effect.
      parameters.ignore(["factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"])
      return plain.ntk(alpha: try parameters.positive("alpha"))
    case "dynamic":
      // Stretches sequences that are longer than `max_position_embeddings`, which is where ours end.
      _ = try parameters.positive("factor")
      parameters.ignore(["original_max_position_embeddings"])
      return plain
    case "yarn": return try yarn(plain, parameters)
    case "llama3": return try llama3(plain, parameters)
    case "proportional":
      let share = try parameters.positive("partial_rotary_factor", default: 1)
      let pairs = Int(min(share, 1) * Double(plain.dimension) / 2)
      try parameters.require(
        share <= 1 && pairs > 0, "partial_rotary_factor", "\(share), which is \(pairs) of \(plain.perPair.count) pairs")
      return plain.proportional(pairs: pairs, factor: try parameters.positive("factor", default: 1))
    case "longrope", "su": return try longRoPE(plain, parameters)
    case let kind:
      throw parameters.wrong(
        "rope_type",
        because: "\(kind) is not supported, expected default, linear, dynamic, ntk_alpha, yarn, llama3, longrope or "
          + "proportional")
    }
  }

  private func yarn(_ plain: RotaryFrequencies, _ parameters: ConfigReader) throws(ModelError) -> RotaryFrequencies {
    let factor = try ropeFactor(parameters)
    var yarn = RotaryFrequencies.YaRN(originalLength: Double(try originalLength(parameters)))
    yarn.fastTurns = try parameters.positive("beta_fast", default: yarn.fastTurns)
    yarn.slowTurns = try parameters.positive("beta_slow", default: yarn.slowTurns)
    yarn.roundsBorders = try parameters.flag("truncate", default: true)
    var frequencies = plain.yarn(factor: factor, yarn)
    let numerator = Double(try parameters.number("mscale", default: 0))
    let denominator = Double(try parameters.number("mscale_all_dim", default: 0))
    let magnitude =
      numerator != 0 && denominator != 0
      ? RotaryFrequencies.yarnMagnitude(scale: factor, m: numerator)
        / RotaryFrequencies.yarnMagnitude(scale: factor, m: denominator)
      : RotaryFrequencies.yarnMagnitude(scale: factor)
    frequencies.amplitude = try parameters.positive("attention_factor", default: magnitude)
    return frequencies
  }

  private func llama3(_ plain: RotaryFrequencies, _ parameters: ConfigReader) throws(ModelError) -> RotaryFrequencies {
    let slow = try parameters.positive("low_freq_factor")
    let fast = try parameters.positive("high_freq_factor")
    try parameters.require(
      slow < fast, "high_freq_factor", "\(fast), expected more than that of low frequencies, \(slow)")
    return plain.llama3(
      factor: try parameters.positive("factor"), slowWaves: slow, fastWaves: fast,
      originalLength: Double(try originalLength(parameters)))
  }

  private func longRoPE(
    _ plain: RotaryFrequencies, _ parameters: ConfigReader
  ) throws(ModelError) -> RotaryFrequencies {
    let pairs = plain.perPair.count
    let (short, long) = (try parameters.positives("short_factor"), try parameters.positives("long_factor"))
    for (key, list) in [("short_factor", short), ("long_factor", long)] {
      try parameters.require(list.count == pairs, key, "\(list.count) numbers, expected one for each of \(pairs) pairs")
    }
    let original = try originalLength(parameters)
    let factor = try ropeFactor(parameters)
    var frequencies = plain.longRoPE(short: short, long: long, originalLength: original)
    frequencies.amplitude = try parameters.positive(
      "attention_factor", default: RotaryFrequencies.longRoPEMagnitude(scale: factor, originalLength: original))
    return frequencies
  }

  /// The kind of positions that such an object describes.
  func ropeKind() throws(ModelError) -> String {
    try string("rope_type", "type", default: "default")
  }

  /// Positions that the model was first trained on.
  private func originalLength(_ parameters: ConfigReader) throws(ModelError) -> Int {
    // Phi-3 has it outside, and there it counts.
    let reader = has("original_max_position_embeddings") ? self : parameters
    parameters.ignore(["original_max_position_embeddings"])
    return try reader.length("original_max_position_embeddings", default: try maxPositions())
  }

  private func maxPositions() throws(ModelError) -> Int { try length("max_position_embeddings") }
}
