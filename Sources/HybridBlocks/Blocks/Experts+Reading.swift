public import InferCore

extension Experts {
  /// Reads experts that stand one by one on disk, `E.{gate_proj,up_proj,down_proj}.weight`, or without gate.
  ///
  /// - Parameters:
  ///   - weights: the scope of the experts.
  ///   - count: the number of experts.
  ///   - width: the width of their input and output.
  ///   - hidden: their inner width.
  ///   - activation: the function between the two maps.
  ///   - names: the names of an expert's matrices.
  ///   - layer: the layer's number in the model.
  public init(
    _ weights: WeightScope, count: Int, width: Int, hidden: Int, activation: Activation,
    names: GatedNames = .projections, layer: Int
  ) throws(ModelError) {
    let inner = activation == .reluSquared ? [names.up] : [names.gate, names.up]
    let numbers = try Self.numbers(of: count, layer, weights)
    let here = Set(numbers)
    var (first, second): ([[PackedMatrix]], [PackedMatrix]) = ([], [])
    for expert in 0..<count {
      // Of others' experts it is checked that they are there.
      let (up, down) = here.contains(expert) ? ([[0..<hidden]], [[0..<width]]) : ([], [])
      var matrices: [PackedMatrix] = []
      for name in inner {
        matrices += try weights[expert][name].matrices("weight", rows: hidden, columns: width, parts: up)
      }
      if here.contains(expert) { first.append(matrices) }
      second += try weights[expert][names.down].matrices(
        "weight", rows: width, columns: hidden, parts: down, role: .down)
    }
    try self.init(first: first, second: second, activation: activation, numbers: numbers, of: count, layer: layer)
  }

  /// The experts of a layer that the rank has.
  private static func numbers(of count: Int, _ layer: Int, _ weights: WeightScope) throws(ModelError) -> [Int] {
    guard count >= weights.share.count else {
      throw weights.indivisible("\(count) experts cannot be dealt out to \(weights.share.count) ranks")
    }
    return try weights.share.experts(of: count, layer: layer)
  }

  /// Reads gated experts that stand one by one; or with gate and up in one tensor, `gate_up_proj`, and down in another
  /// or one by one.
  init(
    gatedOneByOneOrStacked weights: WeightScope, count: Int, width: Int, hidden: Int,
    activation: Activation = .siluGated, layer: Int
  ) throws(ModelError) {
    if weights.has("gate_up_proj") {
      try self.init(
        stacked: weights, first: ["gate_up_proj"], second: "down_proj", count: count, width: width, hidden: hidden,
        activation: activation, layer: layer)
    } else {
      try self.init(weights, count: count, width: width, hidden: hidden, activation: activation, layer: layer)
    }
  }

  /// A stack of gated experts on disk.
  struct Stack {
    /// The scope of its tensors.
    let weights: WeightScope
    /// The names of the tensors of the first maps: one with gate rows above up rows, or one of gates and one of ups.
    let first: [String]
    /// The name of the tensor of the second maps.
    let second: String
    /// The number of experts.
    let count: Int

    /// Of the experts with some numbers, gate and up in one matrix, or each in one of its own.
    func firstMaps(
      _ numbers: [Int], width: Int, hidden: Int, areApart: Bool
    ) throws(ModelError) -> [[PackedMatrix]] {
      if first.count == 1, areApart {
        return try weights.matrices(
          first[0], numbers, of: count, rows: 2 * hidden, columns: width, parts: [0..<hidden, hidden..<2 * hidden])
      }
      var maps: [[PackedMatrix]] = Array(repeating: [], count: numbers.count)
      for name in first {
        let matrices = try weights.matrices(
          name, numbers, of: count, rows: 2 * hidden / first.count, columns: width)
        for (expert, matrix) in matrices.enumerated() { maps[expert].append(matrix) }
      }
      return maps
    }
  }

  /// Reads gated experts of several stacks, of one width, as one list.
  ///
  /// - Parameters:
  ///   - stacks: the stacks, one behind another.
  ///   - width: the width of their input and output.
  ///   - hidden: their inner width.
  ///   - activation: the function between the two maps.
  ///   - layer: the layer's number in the model.
  init(stacks: [Stack], width: Int, hidden: Int, activation: Activation, layer: Int) throws(ModelError) {
    precondition(!stacks.isEmpty && activation != .reluSquared, "\(stacks.count) stacks of experts")
    let count = stacks.reduce(0) { $0 + $1.count }
    let numbers = try Self.numbers(of: count, layer, stacks[0].weights)
    var (first, second): ([[PackedMatrix]], [PackedMatrix]) = ([], [])
    // Products take equally many matrices of each expert.
    let areApart = stacks.contains { $0.first.count > 1 }
    var before = 0
    for stack in stacks {
      let own = numbers.filter { (before..<before + stack.count).contains($0) }.map { $0 - before }
      before += stack.count
      first += try stack.firstMaps(own, width: width, hidden: hidden, areApart: areApart)
      second += try stack.weights.matrices(
        stack.second, own, of: stack.count, rows: width, columns: hidden, role: .down)
    }
    try self.init(first: first, second: second, activation: activation, numbers: numbers, of: count, layer: layer)
  }

  /// Reads experts that are stacked in tensors on disk, or of which at least the first maps are.
  ///
  /// - Parameters:
  ///   - weights: the scope of the experts.
  ///   - names: the names of the tensors of the first maps: one, `[count × 2 · hidden × width]` with gate rows above up
  ///     rows, or one of gates and one of ups, `[count × hidden × width]`; one of those without gate.
  ///   - second: the name of the tensor of the second maps, `[count × width × hidden]`; where it is not there, they are
  ///     read one by one, `E.SECOND.weight`.
  ///   - count: the number of experts.
  ///   - width: the width of their input and output.
  ///   - hidden: their inner width.
  ///   - activation: the function between the two maps.
  ///   - biases: the names of what is added behind the maps, of tensors `[count × width of the output]`, as those of the
  ///     maps; `nil` for nothing.
  ///   - role: the role of all maps; by default second ones are `.down`.
  ///   - layer: the layer's number in the model.
  public init(
    stacked weights: WeightScope, first names: [String], second: String, count: Int, width: Int, hidden: Int,
    activation: Activation, biases: (first: [String], second: String)? = nil, role: MatrixRole? = nil,
    layer: Int
  ) throws(ModelError) {
    let rows = (activation == .reluSquared ? hidden : 2 * hidden) / names.count
    let numbers = try Self.numbers(of: count, layer, weights)
    var first: [[PackedMatrix]] = Array(repeating: [], count: numbers.count)
    for name in names {
      for (expert, matrix) in try weights.matrices(
        name, numbers, of: count, rows: rows, columns: width, role: role ?? .linear
      ).enumerated() {
        first[expert].append(matrix)
      }
    }
    var down: [PackedMatrix] = []
    if weights.has(second) || !weights[0][second].has("weight") {
      down = try weights.matrices(second, numbers, of: count, rows: width, columns: hidden, role: role ?? .down)
    } else {
      let here = Set(numbers)
      for expert in 0..<count {
        down += try weights[expert][second].matrices(
          "weight", rows: width, columns: hidden, parts: here.contains(expert) ? [[0..<width]] : [], role: .down)
      }
    }
    try self.init(
      first: first, second: down, activation: activation,
      biases: biases.map { names throws(ModelError) in
        var all: [[Float]] = []
        for name in names.first { all.append(try weights.floats(name, shape: [count, rows])) }
        let down = try weights.floats(names.second, shape: [count, width])
        return (
          first: numbers.flatMap { expert in all.flatMap { $0[expert * rows..<(expert + 1) * rows] } },
          second: numbers.flatMap { down[$0 * width..<($0 + 1) * width] }
        )
      }, numbers: numbers, of: count, layer: layer)
  }
}
