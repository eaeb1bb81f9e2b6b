internal import InferText

/// A tensor that a model is made of, and its format in memory.
package struct LoadedTensor: Sendable {
  /// The tensor on disk.
  package let tensor: Tensor
  /// The role of a matrix or of a stack of them; `nil` for vectors and convolutions.
  package let role: MatrixRole?
  /// The format it is computed with.
  package let format: WeightFormat
  /// Bytes it takes in that format.
  package let byteCount: Int
  /// `true` when all that read it read it as it is stored, and as a matrix or a stack of matrices to multiply with.
  package let isMultiplied: Bool
  /// The part of it that is in memory here, where other ranks have the rest: from 0 to 1.
  package let share: Double

  /// Bytes it takes in memory, where matrices are in panels.
  package var memoryBytes: Int {
    switch role {
    case nil, .embedding, .stored: byteCount
    case .linear, .value, .down, .head, .exact: Int(Double(format.packedBytes(tensor.count)) * share)
    }
  }
}

/// The progress of loading.
public struct LoadProgress: Sendable {
  /// Bytes of the files' tensors that are dealt with.
  public let bytesDone: Int
  /// Bytes of all tensors.
  public let bytesTotal: Int

  package init(bytesDone: Int, bytesTotal: Int) {
    self.bytesDone = bytesDone
    self.bytesTotal = bytesTotal
  }
}

/// Reads a checkpoint's tensors, quantised where a plan says so, and keeps account of them.
final class WeightLoader: Sendable {
  let checkpoint: Checkpoint
  let plan: QuantizationPlan?
  let readsMatrices: Bool
  let share: ModelShare
  /// What each adapter adds, by the names of the checkpoint's tensors.
  let adapters: [TextDictionary<LowRankPair>]
  /// The sums of the inputs of matrices, which are told of each matrix; `nil` where nobody asks for them.
  let inputs: InputSums?
  let team: ThreadTeam
  let arena = WeightArena()
  let readAhead = ReadAhead()
  private let progress: (@Sendable (LoadProgress) -> Void)?
  let isCancelled: (@Sendable () -> Bool)?
  private let bytesTotal: Int
  let account = Monitor(Account())

  struct Account {
    var loaded: TextDictionary<LoadedTensor> = [:]
    var discarded: Set<ExactText> = []
    var remarks: [String] = []
    var bytesDone = 0
    var mappedBytes = 0
    var isLayoutTold = false
    /// Tensors whose products adapters add to.
    var adapted: Set<ExactText> = []
  }

  init(
    _ checkpoint: Checkpoint, plan: QuantizationPlan?, readsMatrices: Bool, share: ModelShare,
    adapters: [TextDictionary<LowRankPair>] = [], inputs: InputSums? = nil, threads: Int,
    progress: (@Sendable (LoadProgress) -> Void)?,
    isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) {
    self.checkpoint = checkpoint
    self.plan = plan
    self.readsMatrices = readsMatrices
    self.share = share
    self.adapters = adapters
    self.inputs = inputs
    team = try ThreadTeam(count: threads)
    self.progress = progress
    self.isCancelled = isCancelled
    bytesTotal = checkpoint.tensors.values.reduce(0) { $0 + $1.byteCount }
  }

  /// A tensor as one matrix, row-major: mapped where it is in its format already, else in memory of its own.
  func table(_ read: ReadTensor, rows: Int, columns: Int, _ role: MatrixRole) throws(ModelError) -> Matrix {
    let (stored, format) = try whole(read, rows: rows, columns: columns, role)
    let matrix =
      reads(read)
      ? try stored.quantized(
        to: format, name: read.tensor.name, importance: plan?.importance(of: read.stored.name), team: team,
        isCancelled: isCancelled) : stored
    if matrix.format != stored.format { read.tensor.releasePages() } else if read.isHere { addMapped(read.tensor) }
    finish(read, role, stored, format)
    return matrix
  }

  /// `true` where the numbers of a matrix are wanted, and not only its shape.
  func reads(_ read: ReadTensor) -> Bool { readsMatrices && read.isHere }

  /// A tensor as one matrix in the format that it is read in, and the one that it is wanted in. Of its rows, `ranges` will
  /// be read; all unless given.
  private func whole(
    _ read: ReadTensor, rows: Int, columns: Int, _ role: MatrixRole, of ranges: [Range<Int>]? = nil
  ) throws(ModelError) -> (matrix: Matrix, format: WeightFormat) {
    try checkCancellation()
    let tensor = read.tensor
    if reads(read) { readAheadOf(tensor, rows: rows, ranges) }
    let whole = try tensor.matrix(
      rows: rows, columns: columns, isRead: reads(read) && ranges != [], team: team, isCancelled: isCancelled)
    let format = plan?.format(of: tensor.name, role: role, columns: columns, stored: whole.format) ?? whole.format
    return (whole, format)
  }

  /// Has the system read what will be needed of a tensor.
  private func readAheadOf(_ tensor: Tensor, rows: Int, _ ranges: [Range<Int>]?) {
    guard let ranges, case .file(let file, let offset) = tensor.source, rows > 0 else {
      return tensor.files.forEach { readAhead.begin($0.file, $0.range) }
    }
    let rowBytes = tensor.byteCount / rows
    for range in ranges {
      readAhead.begin(file, offset + range.lowerBound * rowBytes..<offset + range.upperBound * rowBytes)
    }
  }

  /// A tensor as a stack of `count` matrices, packed. The pages of the file are given back to the system.
  func matrices(
    _ read: ReadTensor, count: Int, rows: Int, columns: Int, _ role: MatrixRole
  ) throws(ModelError) -> [PackedMatrix] {
    if let panels = read.tensor.storedPanels {
      precondition(panels.count == count && panels.rows == rows && panels.columns == columns, "\(read.tensor.shape)")
      let matrices = try matrices(read, panels, role)
      watch(matrices, of: read, places: Array(0..<count))
      return matrices
    }
    let (stack, format) = try whole(read, rows: count * rows, columns: columns, role)
    let matrices = try packed(
      (0..<count).map { stack.rows($0 * rows..<($0 + 1) * rows) }, as: format, of: read, places: Array(0..<count))
    read.tensor.releasePages()
    finish(read, role, stack, format, isMultiplied: read.isDirect)
    return matrices
  }

  /// A tensor as a matrix, packed, with its columns in the order in which it takes least memory.
  func matrix(_ read: ReadTensor, rows: Int, columns: Int, _ role: MatrixRole) throws(ModelError) -> PackedMatrix {
    guard plan == nil, read.isDirect, role != .exact, let ordered = read.tensor.ordered else {
      return try matrices(read, count: 1, rows: rows, columns: columns, role)[0]
    }
    let tensor = ReadTensor(
      tensor: ordered.tensor, stored: ordered.tensor, isDirect: false, isInPlace: false, isHere: read.isHere)
    var matrix = try matrices(tensor, count: 1, rows: rows, columns: columns, role)[0]
    matrix.columnOrder = ordered.order
    return matrix
  }

  /// A tensor of interleaved matrices, packed one by one: each is the given ranges of rows, one behind another, and the
  /// same columns.
  func matrices(
    _ read: ReadTensor, rows: Int, columns: Int, parts: [[Range<Int>]], within range: Range<Int>, _ role: MatrixRole
  ) throws(ModelError) -> [PackedMatrix] {
    guard !share.dividesLayers || read.tensor.panels == nil else {
      throw .tensor(
        name: read.tensor.name,
        reason: "is \(read.tensor.type), which is not divided among ranks; expected a file without panels")
    }
    let ranges = parts.flatMap { $0 }
    let (whole, format) = try whole(read, rows: rows, columns: columns, role, of: ranges)
    for block in [whole.format.blockElements, format.blockElements]
    where range != 0..<columns && (range.lowerBound % block != 0 || range.upperBound % block != 0) {
      throw .tensor(
        name: read.tensor.name,
        reason:
          "has blocks of \(block) columns in \(format.name), and columns \(range) of \(columns) are no whole ones: "
          + "the model cannot be divided among \(share.count) ranks in this format")
    }
    // A description of a model copies no weights: shapes are enough.
    let all = parts.map { ranges in
      reads(read) ? whole.part(ranges, range) : whole.shape(ranges.reduce(0) { $0 + $1.count }, range)
    }
    var matrices: [PackedMatrix] = []
    let places = parts.map { Self.place(of: $0, in: read.tensor) }
    if all.allSatisfy({ $0.rows == all[0].rows }) {
      matrices = try packed(all, as: format, of: read, places: places)
    } else {
      for (matrix, place) in zip(all, places) {
        matrices += try packed([matrix], as: format, of: read, places: [place])
      }
    }
    read.tensor.releasePages()
    // Rows that nobody reads, behind those of the last token, are the model's all the same.
    finish(
      read, role, whole, format,
      share: !share.dividesLayers || columns * rows == 0
        ? 1 : Double(ranges.reduce(0) { $0 + $1.count } * range.count) / Double(rows * columns))
    return matrices
  }

  /// The number, among the matrices of a stack, of the one that the first of some rows belong to.
  private static func place(of ranges: [Range<Int>], in tensor: Tensor) -> Int {
    guard tensor.shape.count > 2, let first = ranges.first?.lowerBound else { return 0 }
    return first / max(1, tensor.shape[tensor.shape.count - 2])
  }

  /// Packs matrices of a tensor, given the number of each within it.
  private func packed(
    _ matrices: [Matrix], as format: WeightFormat, of read: ReadTensor, places: [Int]
  ) throws(ModelError) -> [PackedMatrix] {
    guard reads(read) else { return try PackedMatrix.pack(matrices, in: arena, team: nil) }
    let packed = try PackedMatrix.pack(
      matrices, as: format, name: read.tensor.name,
      importance: plan?.importance(of: read.stored.name).map { ($0, places) }, in: arena, team: team,
      isCancelled: isCancelled)
    watch(packed, of: read, places: places)
    return packed
  }

  private func watch(_ matrices: [PackedMatrix], of read: ReadTensor, places: [Int]) {
    inputs?.watch(matrices, of: read.stored.name, places: places)
  }

  /// A small tensor as floats, row-major.
  func floats(_ read: ReadTensor) throws(ModelError) -> [Float] {
    try checkCancellation()
    let values = try read.tensor.floats()
    if let stored = read.stored.format { finish(read.stored, nil, plan == nil ? stored : .f32, isMultiplied: false) }
    return values
  }

  func checkCancellation() throws(ModelError) {
    if isCancelled?() ?? false { throw .cancelled }
  }

  /// Marks a tensor as known and unused.
  func discard(_ tensor: Tensor) {
    let isNew = account.withLock { $0.discarded.insert(tensor.name) }
    if isNew { report(tensor) }
  }

  /// Keeps a sentence for the people who load the model.
  func remark(_ sentence: String) { account.withLock { $0.remarks.append(sentence) } }

  /// The sentences that are kept for them.
  var remarks: [String] { account.withLock { $0.remarks } }

  /// Everything that was read, by name.
  var loaded: [LoadedTensor] { account.withLock { $0.loaded.values.sorted { $0.tensor.name < $1.tensor.name } } }

  /// Names nobody has read or discarded, sorted.
  var unread: [String] {
    account.withLock { account in
      checkpoint.tensors.keys.filter { account.loaded[$0] == nil && !account.discarded.contains($0) }.sorted()
    }
  }

  /// Bytes of files that the model's matrices lie in.
  var mappedBytes: Int { account.withLock { $0.mappedBytes } }

  /// Accounts for a tensor that stays in its file.
  func addMapped(_ tensor: Tensor) {
    let bytes = tensor.files.reduce(0) { $0 + $1.range.count }
    account.withLock { $0.mappedBytes += bytes }
  }

  /// Accounts for a matrix. One that stays as it is, is accounted for as it is stored, whatever it is read as.
  private func finish(
    _ read: ReadTensor, _ role: MatrixRole, _ matrix: Matrix, _ format: WeightFormat, isMultiplied: Bool = false,
    share: Double = 1
  ) {
    let stored = format == matrix.format ? read.stored.format ?? format : format
    finish(read.stored, role, stored, isMultiplied: isMultiplied, share: read.isHere ? share : 0)
  }

  func finish(
    _ tensor: Tensor, _ role: MatrixRole?, _ format: WeightFormat, isMultiplied: Bool, share: Double = 1
  ) {
    let isNew = account.withLock { account in
      let old = account.loaded[tensor.name]
      account.loaded[tensor.name] = LoadedTensor(
        tensor: tensor, role: role, format: format, byteCount: format.bytes(tensor.count),
        isMultiplied: isMultiplied && old?.isMultiplied ?? true, share: share)
      return old == nil
    }
    if isNew { report(tensor) }
  }

  private func report(_ tensor: Tensor) {
    let bytesDone = account.withLock { account in
      account.bytesDone += tensor.byteCount
      return account.bytesDone
    }
    progress?(LoadProgress(bytesDone: bytesDone, bytesTotal: bytesTotal))
  }
}
