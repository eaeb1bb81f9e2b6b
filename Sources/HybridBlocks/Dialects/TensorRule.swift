internal import InferCore

#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// How one tensor of a family — or the same tensor of each expert — lies in a GGUF file of llama.cpp's.
///
/// Names hold `{n}` for the number of a layer, `{e}` for that of an expert, and `{s}` for both of `weight` and `bias`.
struct TensorRule: Sendable {
  /// What has to be done to the file's numbers.
  enum Form: Sendable {
    /// Nothing.
    case same
    /// A vector, which has this shape in the file.
    case vector(inFile: [Int])
    /// A matrix of one row, which is a vector in the file.
    case row
    /// A convolution's `[channels × 1 × taps]`, which has no size of 1 in the file.
    case convolution
    /// Rows of query or key heads. Rotation pairs row i of a head with row i + half; files that are made for rotating
    /// neighbours have such rows beside each other.
    case pairs(heads: Int)
    /// `A_log`; the file has A = −exp(A_log), and where `isColumn`, its vector as a column.
    case logarithm(isColumn: Bool)
    /// A norm's weight that is meant as 1 + w; the file has the sum.
    case decremented
    /// One tensor for each of so many experts; the file has a stack of them.
    case experts(Int)
    /// Gate rows above up rows, of one network or of each of some experts: a tensor `…input_linear.weight` that is read as
    /// `…gate_linear.weight` and `…up_linear.weight` where it is in two, as in the file, whose two may be of different
    /// formats.
    case gateAndUp(experts: Int?)
    /// For each head, rows that make keys above rows that make values; the file has the two apart, and keys transposed:
    /// `[heads × latent × key]` and `[heads × value × latent]`.
    case keysAndValues(heads: Int)
  }

  /// Names in the file: one, but for the forms that have two apart.
  let file: [String]
  /// Name in the family.
  let name: String
  var form = Form.same

  init(_ file: String..., as name: String, _ form: Form = .same) {
    self.file = file
    self.name = name
    self.form = form
  }

  /// The family's tensors, made of the file's.
  func read(_ parts: [Tensor]) throws(ModelError) -> [Tensor] {
    let part = parts[0]
    switch form {
    case .same: return [part.renamed(name)]
    case .vector: return [part.renamed(name, shape: [part.count])]
    case .convolution:
      try part.expect(dimensions: 2)
      return [part.renamed(name, shape: [part.shape[0], 1, part.shape[1]])]
    case .pairs(let heads):
      let half = try part.halfHead(heads)
      return [
        try part.reordered(name) { row in row - row % (2 * half) + row % half * 2 + row % (2 * half) / half }
      ]
    case .logarithm(let isColumn):
      return [.computed([part], name: name, shape: isColumn ? [part.count] : part.shape) { $0[0].map { log(-$0) } }]
    case .decremented: return [.computed([part], name: name, shape: part.shape) { $0[0].map { $0 - 1 } }]
    case .experts(let count): return try experts(part, count)
    case .row: return [part.renamed(name, shape: [1, part.count])]
    case .gateAndUp(let experts): return try gateAndUp(parts, experts)
    case .keysAndValues(let heads): return [try keysAndValues(keys: part, values: parts[1], heads)]
    }
  }

  private func experts(_ stack: Tensor, _ count: Int) throws(ModelError) -> [Tensor] {
    guard stack.shape.count > 1, stack.shape[0] == count else {
      throw .tensor(name: stack.name, reason: "has shape \(stack.shape), expected \(count) experts")
    }
    var experts: [Tensor] = []
    for index in 0..<count {
      let name = name.replacing("{e}", with: String(index))
      experts.append(
        try stack.slices(index..<index + 1, name: name).renamed(name, shape: Array(stack.shape.dropFirst())))
    }
    return experts
  }

  private func gateAndUp(_ parts: [Tensor], _ experts: Int?) throws(ModelError) -> [Tensor] {
    let (gate, up) = (parts[0], parts[1])
    guard gate.shape == up.shape else {
      throw .tensor(name: up.name, reason: "has shape \(up.shape), expected \(gate.shape) as \(gate.name) has")
    }
    try gate.expect(dimensions: experts == nil ? 2 : 3)
    if let experts, gate.shape[0] != experts {
      throw .tensor(name: gate.name, reason: "has shape \(gate.shape), expected \(experts) experts")
    }
    return zip(["gate", "up"], parts).map { $1.renamed(name.replacing("input_linear", with: "\($0)_linear")) }
  }
}

extension TensorRule {
  private func keysAndValues(keys: Tensor, values: Tensor, _ heads: Int) throws(ModelError) -> Tensor {
    try keys.expect(dimensions: 3)
    try values.expect(dimensions: 3)
    let (latent, key, value) = (keys.shape[1], keys.shape[2], values.shape[1])
    guard keys.shape[0] == heads, values.shape == [heads, value, latent] else {
      throw .tensor(
        name: values.name, reason: "has shape \(values.shape), expected \(heads) heads as in \(keys.name) \(keys.shape)"
      )
    }
    return .computed([keys, values], name: name, shape: [heads * (key + value), latent]) { parts in
      var rows: [Float] = []
      rows.reserveCapacity(heads * (key + value) * latent)
      for head in 0..<heads {
        for row in 0..<key {
          for column in 0..<latent { rows.append(parts[0][(head * latent + column) * key + row]) }
        }
        rows += parts[1][head * value * latent..<(head + 1) * value * latent]
      }
      return rows
    }
  }
}

extension Tensor {
  fileprivate func expect(dimensions: Int) throws(ModelError) {
    guard shape.count == dimensions else {
      throw .tensor(name: name, reason: "has shape \(shape), expected \(dimensions) sizes")
    }
  }

  /// Half the rows of each of some heads.
  fileprivate func halfHead(_ heads: Int) throws(ModelError) -> Int {
    guard heads > 0, let rows = shape.first, rows > 0, rows % (2 * heads) == 0 else {
      throw .tensor(name: name, reason: "has shape \(shape), expected rows of \(heads) heads of pairs")
    }
    return rows / heads / 2
  }
}

extension [TensorRule] {
  /// The rules of a model of some layers, with names as they are.
  func expanded(layers: Int) -> [TensorRule] {
    flatMap { rule in
      (rule.name.contains("{n}") ? [Int](0..<layers) : [0]).flatMap { layer in
        (rule.name.contains("{s}") ? ["weight", "bias"] : [""]).map { rule.filled(layer: layer, suffix: $0) }
      }
    }
  }
}

extension TensorRule {
  fileprivate func filled(layer: Int, suffix: String) -> TensorRule {
    func fill(_ text: String) -> String {
      text.replacing("{n}", with: String(layer)).replacing("{s}", with: suffix)
    }
    return TensorRule(file: file.map(fill), name: fill(name), form: form)
  }

  private init(file: [String], name: String, form: Form) {
    self.file = file
    self.name = name
    self.form = form
  }
}
