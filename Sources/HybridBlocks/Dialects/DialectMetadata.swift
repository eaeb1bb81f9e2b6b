internal import InferCore
internal import InferText

/// The metadata of a file to be written, under the prefix of its architecture: the other direction of
/// ``GGUFDescription``.
struct DialectMetadata: Sendable {
  /// `general.architecture`.
  let architecture: String
  /// By key, without the prefix.
  private var values: TextDictionary<GGUFValue> = [:]
  /// Tensors that are part of the configuration.
  private(set) var tensors: [FileTensor] = []

  init(architecture: String) { self.architecture = architecture }

  subscript(key: String) -> GGUFValue? {
    get { values[key] }
    set { values[key] = newValue }
  }

  /// With the prefix, by key.
  var entries: [(key: String, value: GGUFValue)] {
    values.sorted { $0.key < $1.key }.map { ("\(architecture).\($0.key)", $0.value) }
  }

  /// Heads, and the width of a head.
  ///
  /// - Parameter isAttention: for each layer whether it has any; `nil` where all have.
  mutating func attention(_ shape: Attention.Shape, in isAttention: [Bool]? = nil) {
    self["attention.head_count"] = .count(shape.queryHeads)
    self["attention.head_count_kv"] =
      isAttention.map { .counts($0.map { $0 ? shape.keyHeads : 0 }) } ?? .count(shape.keyHeads)
    self["attention.key_length"] = .count(shape.headDimension)
    self["attention.value_length"] = .count(shape.headDimension)
  }

  /// Rotary positions.
  ///
  /// - Parameters:
  ///   - rotary: the positions.
  ///   - pairs: the number of divisors that files have, where there are more than pairs that turn.
  mutating func rotary(_ rotary: RotaryEmbedding, pairs: Int = 0) {
    let frequencies = rotary.frequencies
    self["rope.freq_base"] = .number(frequencies.base)
    self["rope.dimension_count"] = .count(frequencies.dimension)
    switch frequencies.stretching {
    case .none: break
    case .linear(let factor):
      self["rope.scaling.type"] = .string("linear")
      self["rope.scaling.factor"] = .number(factor)
    case .yarn(let factor, let yarn):
      self["rope.scaling.type"] = .string("yarn")
      self["rope.scaling.factor"] = .number(factor)
      self["rope.scaling.original_context_length"] = .count(Int(yarn.originalLength))
      self["rope.scaling.yarn_beta_fast"] = .number(yarn.fastTurns)
      self["rope.scaling.yarn_beta_slow"] = .number(yarn.slowTurns)
    case .divided, .proportional: divisors(frequencies, pairs: pairs)
    }
  }

  /// Divisors of frequencies, one a pair, as tensors.
  private mutating func divisors(_ frequencies: RotaryFrequencies, pairs: Int) {
    let divisors = frequencies.divisors
    if frequencies.amplitude != 1 { self["rope.scaling.attn_factor"] = .number(frequencies.amplitude) }
    guard let later = frequencies.later else {
      let others = max(0, pairs - divisors.early.count)
      add("rope_freqs.weight", divisors.early + Array(repeating: 1, count: others))
      return
    }
    self["rope.scaling.type"] = .string("longrope")
    self["rope.scaling.original_context_length"] = .count(later.start)
    add("rope_factors_short.weight", divisors.early)
    add("rope_factors_long.weight", divisors.later)
  }

  private mutating func add(_ name: String, _ values: [Double]) {
    let tensor = Tensor.computed([], name: name, shape: [values.count]) { _ in values.map { Float($0) } }
    tensors.append(FileTensor(name: name, shape: tensor.shape, parts: [tensor]))
  }
}

extension GGUFValue {
  static func count(_ count: Int) -> GGUFValue { .unsigned(UInt64(max(count, 0))) }

  /// A count for each layer.
  static func counts(_ counts: [Int]) -> GGUFValue { .array(counts.map { .signed(Int64($0)) }) }
}
