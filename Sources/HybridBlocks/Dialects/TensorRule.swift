internal import InferCore
internal import InferText

/// The name and layout in a GGUF file of llama.cpp's of one tensor of a family, or of the same tensor of each expert. A
/// rule reads the file's tensors and writes them.
///
/// Names hold `{n}` for the number of a layer, `{e}` for that of an expert, and `{s}` for both of `weight` and `bias`.
struct TensorRule: Sendable {
  /// The difference between the file's numbers and the family's.
  enum Form: Sendable {
    /// Nothing.
    case same
    /// A vector, which has this shape in the file.
    case vector(inFile: [Int])
    /// A matrix of one row, which is a vector in some files.
    case row
    /// A convolution's `[channels × 1 × taps]`, which has no size of 1 in the file, or others than here.
    case convolution
    /// Rows of query or key heads, of which some, or all, are rotated. Rotation pairs row i of these with row i + half; files
    /// that are made for rotating neighbours have such rows beside each other.
    case pairs(heads: Int, rotated: Int? = nil)
    /// `A_log`; the file has A = −exp(A_log), which is then the tensor's name, and where `isColumn`, as a column.
    case rates(isColumn: Bool)
    /// `A_log`; the file has −A = exp(A_log), as a column. It is only read: A is then the tensor's name.
    case speeds
    /// A norm's `weight` that is meant as 1 + w; the file has the sum, whose name is `scale`.
    case incremented
    /// Weights whose outputs the family multiplies by factors; the file has the products of both, and the family's factors
    /// are 1 with it. One factor for all rows, or one a row.
    case scaled([Float])
    /// A tensor of this shape; the file has a vector.
    case flattened(here: [Int])
    /// A matrix, or a stack of them; the file has their transposes, and the last part of the name is then another.
    case turned(as: String)
    /// A second copy in the file, for programs that ask for it and do not use it.
    case repeated
    /// One tensor for each of some names in the place of `{e}`; the file has a stack of them.
    case parts([String])
    /// One tensor for each of so many experts; the file has a stack of them.
    case experts(Int)
    /// Gate rows above up rows, of one network or of each of some experts: a tensor `…input_linear.weight` that is read as
    /// `…gate_linear.weight` and `…up_linear.weight` where it is in two, as in the file, whose two may be of different
    /// formats.
    case gateAndUp(experts: Int?)
    /// `in_proj_qkvz`: for each of so many key heads, `keys` rows that make its query, as many that make its key, `values`
    /// that make the values of its value heads, and as many that make their gates. The file has the rows by what they make,
    /// and gates apart: `in_proj_qkv` and `in_proj_z`.
    case queryToGate(heads: Int, keys: Int, values: Int)
    /// `kv_b_proj`: for each of so many heads, `keys` rows that make keys above rows that make values. The file has the
    /// two apart, and keys transposed, `[heads × latent × keys]` and `[heads × values × latent]`; their names are
    /// `k_b_proj` and `v_b_proj`.
    case keysAndValues(heads: Int, keys: Int)
    /// A classifier's one row, the logarithm of the odds; the file has two, whose softmax is the same: it and zeros. Written
    /// only: two rows are read as they are.
    case odds
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

  /// The names of the family's tensors that are made of the file's.
  var resultNames: [String] {
    switch form {
    case .rates, .speeds: [name.replacing("A_log", with: "A")]
    case .incremented: [name.replacing(".weight", with: ".scale")]
    case .experts(let count): (0..<count).map { name.replacing("{e}", with: String($0)) }
    case .parts(let parts): parts.map { name.replacing("{e}", with: $0) }
    case .turned(let last):
      [(name.split(separator: ".").dropLast() + [last[...]]).joined(separator: ".")]
    case .queryToGate: ["in_proj_qkv", "in_proj_z"].map { name.replacing("in_proj_qkvz", with: $0) }
    case .gateAndUp: ["gate", "up"].map { name.replacing("input_linear", with: "\($0)_linear") }
    case .keysAndValues: ["k_b_proj", "v_b_proj"].map { name.replacing("kv_b_proj", with: $0) }
    default: [name]
    }
  }

  /// The family's tensors, made of the file's.
  func read(_ parts: [Tensor]) throws(ModelError) -> [Tensor] {
    let part = parts[0]
    switch form {
    case .same, .scaled, .incremented, .odds, .turned, .repeated: return [part.renamed(resultNames[0])]
    case .flattened(let shape):
      guard part.count == shape.reduce(1, *) else {
        throw .tensor(name: part.name, reason: "has shape \(part.shape), expected \(shape.reduce(1, *)) numbers")
      }
      return [part.renamed(name, shape: shape)]
    case .parts(let parts): return try slices(of: part, parts.count, "tensors")
    case .vector: return [part.renamed(name, shape: [part.count])]
    case .row: return [part.renamed(name, shape: [1, part.count])]
    case .convolution:
      let sizes = try part.convolutionSizes()
      return [part.renamed(name, shape: [sizes[0], 1, sizes[1]])]
    case .pairs(let heads, let rotated):
      let size = try part.pairedRows(heads)
      let half = (rotated ?? size) / 2
      return [
        try part.reordered(name) { row in
          let place = row % size
          return place < 2 * half ? row - place + place % half * 2 + place / half : row
        }
      ]
    case .speeds:
      return [.computed([part], name: resultNames[0], shape: [part.count]) { $0[0].map { -$0 } }]
    case .rates(let isColumn): return [part.renamed(resultNames[0], shape: isColumn ? [part.count] : part.shape)]
    case .experts(let count): return try slices(of: part, count, "experts")
    case .gateAndUp(let experts): return try gateAndUp(parts, experts)
    case .keysAndValues, .queryToGate: return zip(parts, resultNames).map { $0.renamed($1) }
    }
  }

  private func slices(of stack: Tensor, _ count: Int, _ kind: String) throws(ModelError) -> [Tensor] {
    guard stack.shape.count > 1, stack.shape[0] == count else {
      throw .tensor(name: stack.name, reason: "has shape \(stack.shape), expected \(count) \(kind)")
    }
    var slices: [Tensor] = []
    for (index, name) in resultNames.enumerated() {
      slices.append(
        try stack.slices(index..<index + 1, name: name).renamed(name, shape: Array(stack.shape.dropFirst())))
    }
    return slices
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
    return zip(parts, resultNames).map { $0.renamed($1) }
  }
}

extension Tensor {
  func expect(dimensions: Int) throws(ModelError) {
    guard shape.count == dimensions else {
      throw .tensor(name: name, reason: "has shape \(shape), expected \(dimensions) sizes")
    }
  }

  /// Channels and taps.
  fileprivate func convolutionSizes() throws(ModelError) -> [Int] {
    let sizes = shape.dropLast().filter { $0 != 1 } + shape.suffix(1)
    guard sizes.count == 2 else { throw .tensor(name: name, reason: "has shape \(shape), expected 2 sizes") }
    return sizes
  }

  /// The rows of each of some heads, an even number.
  func pairedRows(_ heads: Int) throws(ModelError) -> Int {
    guard heads > 0, let rows = shape.first, rows > 0, rows % (2 * heads) == 0 else {
      throw .tensor(name: name, reason: "has shape \(shape), expected rows of \(heads) heads of pairs")
    }
    return rows / heads
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
