/// The routed experts of a mixture-of-experts layer: two linear maps each, with an activation between them.
public struct Experts: Sendable {
  /// The function between the two maps.
  public enum Activation: Sendable, Hashable {
    /// `silu(gate) · up`: the first map is a pair of matrices.
    case siluGated
    /// `gelu(gate) · up`, with the exact GELU.
    case geluGated
    /// `gelu(gate) · up`, with the GELU that is approximated by a hyperbolic tangent (Hendrycks & Gimpel 2016,
    /// arXiv 1606.08415, §2).
    case geluTanhGated
    /// `g · σ(alpha · g) · (u + 1)`, where g is the gate up to `limit`, and u the other half within `limit` of 0 (gpt-oss).
    case clampedSiluGated(alpha: Float, limit: Float)
    /// `silu(gate) · up`, with the first factor up to `limit` and the second within it of 0 (Step 3.5).
    case boundedSiluGated(limit: Float)
    /// `silu(gate) · up`, with the gate up to `limit` and the other factor within it of 0 (Hy4).
    case siluOfBoundedGated(limit: Float)
    /// `g · σ(gate) · u`, where g is the gate within `gate` and u the other half within `up`: `cap · tanh(x / cap)` (Inkling 2).
    case softCappedSiluGated(gate: Float, up: Float)
    /// `max(x, 0)²`: the first map is one matrix.
    case reluSquared
  }

  /// The number of experts of the layer.
  public let count: Int
  /// The numbers of the experts that are computed here, in ascending order: all, or those of a rank.
  public let numbers: [Int]
  /// The layer's number in the model.
  public let layer: Int
  /// The place of each expert of the layer in the order in which rows are sorted: that of the numbers, and others behind them.
  let places: [Int32]
  /// For each expert that is here, the matrices of its first map: gate and up, or up alone.
  package let first: [[PackedMatrix]]
  /// For each expert that is here, the one matrix of its second map.
  package let second: [[PackedMatrix]]
  /// The panels of all of these matrices, one expert after another.
  let firstPanels, secondPanels: [Panels]
  /// The function between the two maps.
  package let activation: Activation
  /// The biases added behind each map, `[experts that are here × width of its output]`; `nil` for nothing.
  package let biases: (first: [Float], second: [Float])?

  /// Creates experts of equal shapes.
  ///
  /// - Parameters:
  ///   - first: for each expert, the matrices of its first map.
  ///   - second: for each expert, the matrix of its second map.
  ///   - activation: the function between them.
  ///   - biases: what is added behind each map; `nil` for nothing.
  ///   - numbers: the numbers of these experts in ascending order, where other ranks have others; by default they are all of
  ///     the layer.
  ///   - count: the number of experts of the layer; by default of these.
  ///   - layer: the layer's number in the model.
  /// - Throws: ``ModelError/unsuitable(_:)`` when some maps of a kind round their activations and others do not.
  package init(
    first: [[PackedMatrix]], second: [PackedMatrix], activation: Activation,
    biases: (first: [Float], second: [Float])? = nil, numbers: [Int]? = nil, of count: Int? = nil, layer: Int
  ) throws(ModelError) {
    let (numbers, count) = (numbers ?? Array(second.indices), count ?? second.count)
    precondition(
      numbers.count == second.count && zip(numbers, numbers.dropFirst()).allSatisfy(<) && numbers.last ?? 0 < count,
      "experts \(numbers) of \(count)")
    self.count = count
    self.numbers = numbers
    self.layer = layer
    var places = [Int32](repeating: -1, count: count)
    for (place, number) in numbers.enumerated() { places[number] = Int32(place) }
    var next = Int32(numbers.count)
    for expert in places.indices where places[expert] < 0 {
      places[expert] = next
      next += 1
    }
    self.places = places
    precondition(!first.isEmpty && first.count == second.count, "\(first.count) first maps, \(second.count) second")
    precondition(first.allSatisfy { $0.count == first[0].count }, "experts with different numbers of matrices")
    self.first = first
    // Lists of one, made once: products take lists, and steps allocate nothing.
    self.second = second.map { [$0] }
    firstPanels = first.flatMap { $0.map(\.panels) }
    secondPanels = second.map(\.panels)
    self.activation = activation
    self.biases = biases
    inputForms = try Self.forms(first.flatMap { $0 })
    hiddenForms = try Self.forms(second)
  }

  /// The forms in which the matrices read activations: rounded, or others.
  private static func forms(_ matrices: [PackedMatrix]) throws(ModelError) -> ActivationForms {
    let forms = matrices.activationForms
    if forms.contains(.rounded), let floats = matrices.first(where: { $0.format.panels.form != .rounded }) {
      throw .unsuitable("experts of one layer are quantised, and some are \(floats.format.name); expected all or none")
    }
    return forms
  }

  /// The number of weights of one expert.
  public var parameterCountOfOne: Int { first[0].reduce(0) { $0 + $1.count } + second[0][0].count }

  /// The forms in which the first and the second maps read activations.
  let inputForms, hiddenForms: ActivationForms

  var firstWidth: Int { first[0].reduce(0) { $0 + $1.rows } }
  var hiddenWidth: Int { second[0][0].columns }
  var outputWidth: Int { second[0][0].rows }
}
