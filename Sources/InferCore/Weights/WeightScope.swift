package import InferText

/// A cursor over a checkpoint's names: `scope["model"]["layers"][3].matrix("mlp.up_proj.weight", …)`.
///
/// Every read states the shape that the configuration implies and checks it at once. The scope remembers the tensors that
/// were read, so that a tensor nobody asked for can be reported.
public struct WeightScope: Sendable {
  /// Path of this scope, with a trailing dot unless it is the root.
  public let prefix: String
  private let loader: WeightLoader
  /// The forms in which the checkpoint may store what is read.
  private let forms: [StoredForm]
  /// The beginnings of names that the checkpoint may have instead.
  private let prefixes: [StoredPrefix]
  /// The number of the layer that the names are of; `nil` for what is around layers.
  private var layer: Int?
  /// The layers of each stage of the model; none for a model of one.
  private var stages: [Range<Int>] = []
  /// `false` for tensors that other stages multiply with. They are checked and accounted for, and not read.
  private var isHere = true

  /// The part of the model that is computed here. Blocks that can be divided read theirs.
  public var share: ModelShare { loader.share }

  /// The root of a checkpoint, read as it is stored.
  ///
  /// - Throws: ``ModelError/outOfThreads(_:)``.
  package init(_ checkpoint: Checkpoint) throws(ModelError) {
    try self.init(checkpoint, plan: nil, threads: 1)
  }

  /// The root of a checkpoint.
  ///
  /// - Parameters:
  ///   - checkpoint: the tensors to read from.
  ///   - plan: the formats that matrices are quantised to as they are read; `nil` for those they are stored in.
  ///   - readsMatrices: without this, names, shapes and formats are checked and accounted for, but matrices are zeros.
  ///   - share: the part of the model that is computed here.
  ///   - adapters: what each adapter adds, by the names of the checkpoint's tensors.
  ///   - inputs: the sums of the inputs of matrices, which are told of each matrix; `nil` where nobody asks for them.
  ///   - threads: threads to quantise and pack with.
  ///   - progress: a closure that is called after each tensor with the progress of reading, on the thread that reads.
  ///   - isCancelled: a closure that says, before each tensor and about a megabyte of one, whether reading is to end with
  ///     ``ModelError/cancelled``; called on any thread.
  /// - Throws: ``ModelError/outOfThreads(_:)``.
  package init(
    _ checkpoint: Checkpoint, plan: QuantizationPlan?, readsMatrices: Bool = true, share: ModelShare = .whole,
    adapters: [TextDictionary<LowRankPair>] = [], inputs: InputSums? = nil, threads: Int,
    progress: (@Sendable (LoadProgress) -> Void)? = nil, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) {
    let loader = try WeightLoader(
      checkpoint, plan: plan, readsMatrices: readsMatrices, share: share, adapters: adapters, inputs: inputs,
      threads: threads, progress: progress, isCancelled: isCancelled)
    self.init(prefix: "", loader: loader, forms: [], prefixes: [])
  }

  private init(prefix: String, loader: WeightLoader, forms: [StoredForm], prefixes: [StoredPrefix]) {
    self.prefix = prefix
    self.loader = loader
    self.forms = forms
    self.prefixes = prefixes
  }

  /// The same scope, in which tensors of these forms are read as layers know them. Of several forms of one tensor, the
  /// first counts that is there; a tensor without any is read as it is. Names may begin otherwise in the checkpoint, as
  /// prefixes say.
  package func reading(_ forms: [StoredForm], _ prefixes: [StoredPrefix] = []) -> WeightScope {
    var scope = WeightScope(prefix: prefix, loader: loader, forms: forms, prefixes: prefixes)
    (scope.layer, scope.stages, scope.isHere) = (layer, stages, isHere)
    return scope
  }

  /// The scope of names that begin with `component.`.
  public subscript(component: String) -> WeightScope {
    var scope = WeightScope(prefix: prefix + component + ".", loader: loader, forms: forms, prefixes: prefixes)
    (scope.layer, scope.stages, scope.isHere) = (layer, stages, isHere)
    return scope
  }

  /// The scope of one element of a list.
  public subscript(index: Int) -> WeightScope {
    var scope = self[String(index)]
    if layer == nil, Self.layerLists.contains(where: prefix.hasExactSuffix) {
      scope.layer = index
      scope.isHere = isHere && scope.stage == share.stage
    }
    return scope
  }

  /// The ends of the names of lists of layers.
  private static let layerLists = ["layers.", "blocks."]

  /// The stage that multiplies with what is read; the own one for what is around layers.
  package var stage: Int { layer.flatMap { layer in stages.firstIndex { $0.contains(layer) } } ?? share.stage }

  /// The same scope, of a model whose layers are those of several stages.
  package func of(stages: [Range<Int>]) -> WeightScope {
    var scope = self
    scope.stages = stages
    return scope
  }

  /// The same scope, whose matrices only other stages multiply with unless `isHere`.
  package func present(_ isHere: Bool) -> WeightScope {
    var scope = self
    scope.isHere = self.isHere && isHere
    return scope
  }

  /// The number of elements of the tensors of each of so many layers.
  package func layerSizes(_ count: Int) -> [Double] {
    var sizes = [Double](repeating: 0, count: count)
    for tensor in loader.checkpoint.tensors.values {
      let parts = tensor.name.utf8.split(separator: UInt8(ascii: "."))
      let list = parts.dropLast().firstIndex { part in
        Self.layerLists.contains { $0.utf8.dropLast().elementsEqual(part) }
      }
      if let list, let layer = Int(Substring(parts[list + 1])), sizes.indices.contains(layer) {
        sizes[layer] += Double(tensor.count)
      }
    }
    return sizes
  }

  /// Whether a tensor exists, in any of its forms.
  public func has(_ name: String) -> Bool {
    let full = prefix + name
    let names = forms.compactMap { $0.storedName(of: full) } + [full]
    return names.contains { stored($0) != nil }
  }

  /// The checkpoint's tensor of a name, as it is or with another beginning.
  private func stored(_ full: String) -> Tensor? {
    if let tensor = loader.checkpoint.tensors[full] { return tensor }
    for prefix in prefixes {
      if let name = prefix.storedName(of: full), let tensor = loader.checkpoint.tensors[name] { return tensor }
    }
    return nil
  }

  /// A matrix `[rows × columns]` to multiply with, quantised on the way where the plan says so.
  ///
  /// - Parameters:
  ///   - name: the tensor's name within this scope.
  ///   - rows: number of rows: the width of the output.
  ///   - columns: number of columns: the width of the input.
  ///   - role: the role of the matrix, which decides its format when a model is quantised.
  ///   - inProducts: `true` for those alone who multiply rows of the step with it by
  ///     ``matmul(_:by:into:precision:of:_:)``: its columns may then stand in another order, and adapters may add to
  ///     what comes of it.
  package func matrix(
    _ name: String, rows: Int, columns: Int, role: MatrixRole = .linear, inProducts: Bool = false
  ) throws(ModelError) -> PackedMatrix {
    let tensor = try tensor(name, shape: [rows, columns])
    guard inProducts else { return try loader.matrices(tensor, count: 1, rows: rows, columns: columns, role)[0] }
    var matrices = [try loader.matrix(tensor, rows: rows, columns: columns, role)]
    try loader.adapt(&matrices, of: tensor, parts: [[0..<rows]], within: 0..<columns)
    return matrices[0]
  }

  /// A stack of `count` matrices `[count × rows × columns]` to multiply with, quantised on the way where the plan says
  /// so.
  package func matrices(
    _ name: String, count: Int, rows: Int, columns: Int, role: MatrixRole = .linear
  ) throws(ModelError) -> [PackedMatrix] {
    try loader.matrices(
      tensor(name, shape: [count, rows, columns]), count: count, rows: rows, columns: columns, role)
  }

  /// Matrices to multiply with that are interleaved in one tensor `[rows × columns]`, or parts of one, quantised on the way
  /// where the plan says so.
  ///
  /// - Parameters:
  ///   - name: the tensor's name within this scope.
  ///   - rows: number of rows of the tensor.
  ///   - columns: number of columns: the width of the input.
  ///   - parts: for each matrix, the ranges of rows that it is made of, one behind another. Without any, the tensor is
  ///     checked and accounted for, and not read: another rank has it.
  ///   - range: the columns of all of them; `nil` for all.
  ///   - role: the role of the matrices.
  ///   - inProducts: `true` for those alone who multiply rows of the step with them by
  ///     ``matmul(_:by:into:precision:of:_:)``; see ``matrix(_:rows:columns:role:inProducts:)``.
  /// - Throws: ``ModelError/tensor(name:reason:)``, also where the columns are no whole blocks of the format.
  package func matrices(
    _ name: String, rows: Int, columns: Int, parts: [[Range<Int>]], columns range: Range<Int>? = nil,
    role: MatrixRole = .linear, inProducts: Bool = false
  ) throws(ModelError) -> [PackedMatrix] {
    let range = range ?? 0..<columns
    let parts = parts.map(\.joinedNeighbours)
    guard parts != [[0..<rows]] || range != 0..<columns else {
      return [try matrix(name, rows: rows, columns: columns, role: role, inProducts: inProducts)]
    }
    let tensor = try tensor(name, shape: [rows, columns])
    var matrices = try loader.matrices(tensor, rows: rows, columns: columns, parts: parts, within: range, role)
    if inProducts { try loader.adapt(&matrices, of: tensor, parts: parts, within: range) }
    return matrices
  }

  /// Some matrices of a stack of `count` matrices `[count × rows × columns]`; see
  /// ``matrices(_:count:rows:columns:role:)``.
  package func matrices(
    _ name: String, _ numbers: some Collection<Int>, of count: Int, rows: Int, columns: Int, role: MatrixRole = .linear
  ) throws(ModelError) -> [PackedMatrix] {
    guard numbers.count < count else {
      return try matrices(name, count: count, rows: rows, columns: columns, role: role)
    }
    return try loader.matrices(
      tensor(name, shape: [count, rows, columns]), rows: count * rows, columns: columns,
      parts: numbers.map { [$0 * rows..<($0 + 1) * rows] }, within: 0..<columns, role)
  }

  /// Parts of some matrices of a stack of `count` matrices `[count × rows × columns]`: of each, one matrix for each range of
  /// rows.
  package func matrices(
    _ name: String, _ numbers: some Collection<Int>, of count: Int, rows: Int, columns: Int, parts: [Range<Int>],
    role: MatrixRole = .linear
  ) throws(ModelError) -> [[PackedMatrix]] {
    let all = try loader.matrices(
      tensor(name, shape: [count, rows, columns]), rows: count * rows, columns: columns,
      parts: numbers.flatMap { number in parts.map { [number * rows + $0.lowerBound..<number * rows + $0.upperBound] }
      },
      within: 0..<columns, role)
    return stride(from: 0, to: all.count, by: max(1, parts.count)).map { Array(all[$0..<$0 + parts.count]) }
  }

  /// A matrix `[rows × columns]` whose rows are looked up: in place unless it is quantised on the way.
  package func table(_ name: String, rows: Int, columns: Int, role: MatrixRole) throws(ModelError) -> Matrix {
    try loader.table(tensor(name, shape: [rows, columns]), rows: rows, columns: columns, role)
  }

  /// A vector, as floats of its own.
  public func vector(_ name: String, count: Int) throws(ModelError) -> [Float] {
    try floats(name, shape: [count])
  }

  /// A small tensor of any shape, as floats of its own, row-major.
  ///
  /// - Parameters:
  ///   - name: the tensor's name within this scope.
  ///   - shape: the expected shape.
  public func floats(_ name: String, shape: [Int]) throws(ModelError) -> [Float] {
    try loader.floats(tensor(name, shape: shape))
  }

  /// Whole numbers of 64 bits that say what a configuration says as well, or `nil` where there are none. They are no weights:
  /// nothing that is made of the checkpoint has them.
  package func integers(_ name: String, count: Int) throws(ModelError) -> [Int64]? {
    guard let tensor = stored(prefix + name) else { return nil }
    try Self.expect(tensor, [count])
    let values = try tensor.longIntegers()
    loader.discard(tensor)
    return values
  }

  /// A depthwise convolution's weights, on disk `[channels × 1 × taps]`, as `[taps × channels]` floats: one
  /// contiguous row a tap, which is how the kernel walks them.
  public func convolution(_ name: String, channels: Int, taps: Int) throws(ModelError) -> [Float] {
    let values = try loader.floats(tensor(name, shape: [channels, 1, taps]))
    var transposed = [Float](repeating: 0, count: values.count)
    for channel in 0..<channels {
      for tap in 0..<taps { transposed[tap * channels + channel] = values[channel * taps + tap] }
    }
    return transposed
  }

  /// Marks tensors of this scope as known and unused: everything whose name begins with `name`.
  public func discard(_ name: String) {
    let full = prefix + name
    for tensor in loader.checkpoint.tensors.values where tensor.name.hasExactPrefix(full) { loader.discard(tensor) }
  }

  /// Marks one tensor of this scope as known and unused, where it is there.
  public func discard(tensor name: String) {
    if let tensor = loader.checkpoint.tensors[prefix + name] { loader.discard(tensor) }
  }

  /// Marks tensors of this scope as known and unused, and has the people who load the model told so: a part that they may
  /// miss is left out. Does nothing where there are no such tensors.
  ///
  /// - Parameters:
  ///   - name: the beginning of the tensors' names within this scope.
  ///   - remark: a sentence that says what is missing without them.
  public func discard(_ name: String, remark: String) {
    let full = prefix + name
    let count = loader.checkpoint.tensors.keys.count { $0.hasExactPrefix(full) }
    guard count > 0 else { return }
    discard(name)
    loader.remark("\(full)*: \(count) tensors are left out; \(remark)")
  }

  /// The error of a block that cannot be divided among the ranks of ``share``.
  ///
  /// - Parameter reason: what stands against it, such as `"3 key heads cannot be dealt out to 2 ranks"`.
  public func indivisible(_ reason: String) -> ModelError {
    .unsuitable("\(prefix.isEmpty ? "the model" : String(prefix.dropLast())): \(reason)")
  }

  /// Bytes of files that hold matrices which the model uses in place.
  package var mappedBytes: Int { loader.mappedBytes }

  /// Remarks for the people who load the model; see ``discard(_:remark:)``.
  package var remarks: [String] { loader.remarks }

  /// Names nobody has read or discarded, sorted.
  package var unread: [String] { loader.unread }

  /// The names of tensors that an adapter is to add to, and that are multiplied with in a way in which none does, or
  /// not at all; sorted.
  package func unadapted(_ adapter: Int) -> [String] { loader.unadapted(adapter) }

  /// Every tensor that was read, by name.
  package var loaded: [LoadedTensor] { loader.loaded }

  /// Finds a tensor in one of its forms, and makes the one that layers read.
  private func tensor(_ name: String, shape: [Int]) throws(ModelError) -> ReadTensor {
    let full = prefix + name
    var missing: ModelError?
    for form in forms {
      guard let storedName = form.storedName(of: full) else { continue }
      let expected = form.shape ?? shape
      guard let stored = stored(storedName) else {
        missing = missing ?? .tensor(name: storedName, reason: "is missing, expected \(expected)")
        continue
      }
      try Self.expect(stored, expected)
      guard stored.panels == nil else {
        throw .tensor(name: storedName, reason: "is \(stored.type), and is read in rows")
      }
      let tensor = try form.read?(stored) ?? stored
      precondition(tensor.shape == shape, "\(storedName) is read as \(tensor.shape), and not as \(shape)")
      return ReadTensor(
        tensor: tensor, stored: stored, isDirect: false, isInPlace: form.read == nil, isHere: isHere)
    }
    guard let tensor = stored(full) else {
      throw missing ?? .tensor(name: full, reason: "is missing, expected \(shape)")
    }
    try Self.expect(tensor, shape)
    return ReadTensor(tensor: tensor, stored: tensor, isDirect: true, isInPlace: true, isHere: isHere)
  }

  private static func expect(_ tensor: Tensor, _ shape: [Int]) throws(ModelError) {
    guard tensor.shape == shape else {
      throw .tensor(name: tensor.name, reason: "has shape \(tensor.shape), expected \(shape)")
    }
  }
}

extension [Range<Int>] {
  /// The same indices in the same order, with one range in place of two that follow each other.
  fileprivate var joinedNeighbours: [Range<Int>] {
    reduce(into: []) { joined, range in
      if let last = joined.last, last.upperBound == range.lowerBound {
        joined[joined.count - 1] = last.lowerBound..<range.upperBound
      } else {
        joined.append(range)
      }
    }
  }
}
