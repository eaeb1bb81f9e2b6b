internal import Synchronization

/// A way to compute the bytes of a tensor from those of others, when they are read.
@safe struct Derivation: Sendable {
  /// The tensors that the bytes are computed from.
  let parts: [Tensor]
  private let write: Write

  /// The way in which the bytes are written.
  @safe private enum Write: Sendable {
    /// Given the parts as matrices.
    case ofMatrices(@Sendable (_ parts: [Matrix], _ target: UnsafeMutableRawPointer) -> Void)
    /// Given the first bytes of the parts, which stand in files.
    case ofBytes(@Sendable (_ parts: [UnsafeRawPointer], _ target: UnsafeMutableRawPointer) -> Void)
    /// Some rows, given the first bytes of the parts, which stand in files.
    case rows(count: Int, WriteRows)
    /// Some rows, given the one part as a matrix.
    case rowsOfMatrix(count: Int, WriteRowsOfMatrix)
  }

  /// Writes a range of rows, of which the first is at `target`, and returns how many numbers the format cannot tell.
  typealias WriteRows =
    @Sendable (_ rows: Range<Int>, _ parts: [UnsafeRawPointer], _ target: UnsafeMutableRawPointer) -> Int

  /// Writes a range of rows, as ``WriteRows`` does, given the part as a matrix.
  typealias WriteRowsOfMatrix =
    @Sendable (_ rows: Range<Int>, _ part: Matrix, _ target: UnsafeMutableRawPointer) -> Int

  /// A derivation that writes the bytes given the parts as matrices.
  init(parts: [Tensor], write: @escaping @Sendable (_ parts: [Matrix], _ target: UnsafeMutableRawPointer) -> Void) {
    self.parts = parts
    self.write = unsafe .ofMatrices(write)
  }

  /// A derivation that writes the bytes given those of the parts, whatever their element types.
  ///
  /// - Precondition: the parts stand in files.
  init(
    bytesOf parts: [Tensor],
    write: @escaping @Sendable (_ parts: [UnsafeRawPointer], _ target: UnsafeMutableRawPointer) -> Void
  ) {
    self.parts = parts
    self.write = unsafe .ofBytes(write)
  }

  /// A derivation that writes rows given the bytes of the parts, whatever their element types; several threads write at once.
  ///
  /// - Precondition: the parts stand in files.
  init(rows: Int, of parts: [Tensor], write: @escaping WriteRows) {
    self.parts = parts
    self.write = unsafe .rows(count: rows, write)
  }

  /// A derivation that writes rows given a part as a matrix; several threads write at once.
  init(rows: Int, ofMatrix part: Tensor, write: @escaping WriteRowsOfMatrix) {
    parts = [part]
    self.write = unsafe .rowsOfMatrix(count: rows, write)
  }

  /// The number of rows that are handed to a thread at a time: whole words of codes of several rows, and as many in a piece
  /// that a line of a cache is used up.
  private static let rowsAtOnce = 64

  /// The bytes, in memory of their own.
  ///
  /// - Parameters:
  ///   - count: the number of bytes.
  ///   - name: the tensor's name, for errors.
  ///   - team: the threads that write; `nil` for the one that calls.
  ///   - isCancelled: a closure that says whether to leave off.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when numbers are not finite or beyond the format's range;
  ///   ``ModelError/cancelled``.
  func bytes(
    count: Int, name: String, team: ThreadTeam? = nil, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> OwnedBytes {
    let write: @Sendable (_ parts: [Matrix], _ target: UnsafeMutableRawPointer) -> Void
    switch self.write {
    case .ofMatrices(let own): unsafe write = unsafe own
    case .ofBytes(let own):
      let bases = unsafe bases
      return unsafe OwnedBytes(byteCount: count) { unsafe own(bases, $0) }
    case .rows(let rows, let own):
      // Safe because nothing writes to files that are mapped.
      nonisolated(unsafe) let bases = unsafe bases
      return try unsafe Self.bytes(count: count, rows: rows, name, team, isCancelled) { unsafe own($0, bases, $1) }
    case .rowsOfMatrix(let rows, let own):
      let matrix = try parts[0].matrix(team: team)
      return try unsafe Self.bytes(count: count, rows: rows, name, team, isCancelled) { unsafe own($0, matrix, $1) }
    }
    var matrices: [Matrix] = []
    for part in parts { matrices.append(try part.matrix()) }
    return unsafe OwnedBytes(byteCount: count) { unsafe write(matrices, $0) }
  }

  /// Bytes that are written by rows, by all threads of a team.
  private static func bytes(
    count: Int, rows: Int, _ name: String, _ team: ThreadTeam?, _ isCancelled: (@Sendable () -> Bool)?,
    _ write: @escaping @Sendable (_ rows: Range<Int>, _ target: UnsafeMutableRawPointer) -> Int
  ) throws(ModelError) -> OwnedBytes {
    let rowBytes = rows == 0 ? 0 : count / rows
    let broken = Atomic(0)
    let bytes = try unsafe OwnedBytes(byteCount: count) { target throws(ModelError) in
      // Safe because each call writes rows of its own, and reads what is not written.
      nonisolated(unsafe) let target = unsafe target
      let writeItem = { (item: Int) in
        let range = item * Self.rowsAtOnce..<min(rows, (item + 1) * Self.rowsAtOnce)
        let count = unsafe write(range, target + range.lowerBound * rowBytes)
        if count > 0 { broken.wrappingAdd(count, ordering: .relaxed) }
      }
      let items = (rows + Self.rowsAtOnce - 1) / Self.rowsAtOnce
      if let team {
        try unsafe team.forEach(items, unless: isCancelled) { item, _ in writeItem(item) }
      } else {
        for item in 0..<items { writeItem(item) }
      }
    }
    let brokenCount = broken.load(ordering: .relaxed)
    guard brokenCount == 0 else {
      throw .tensor(
        name: name, reason: "\(brokenCount) of its scales or weights are NaN, infinite or beyond 16 bits")
    }
    return bytes
  }

  /// The first bytes of the parts.
  private var bases: [UnsafeRawPointer] {
    unsafe parts.map { part in
      guard case .file(let file, let offset) = part.source else { preconditionFailure("\(part.name) is in no file") }
      return unsafe file.base + offset
    }
  }
}

// Ways to make one tensor of others: files of other programs hold the same numbers under other names, in other shapes
// and in other orders. What lies in one piece stays where it is.
extension Tensor {
  /// The same numbers under another name and in another shape, in place.
  ///
  /// - Parameters:
  ///   - name: the new name.
  ///   - shape: the new sizes; by default the same.
  /// - Precondition: `shape` has as many elements.
  package func renamed(_ name: String, shape: [Int]? = nil) -> Tensor {
    let shape = shape ?? self.shape
    precondition(shape.reduce(1, *) == count, "\(self.shape) as \(shape)")
    let ordered = shape == self.shape ? ordered : nil
    return Tensor(
      name: name, type: type, shape: shape, byteCount: byteCount, source: source, panels: panels, ordered: ordered)
  }

  /// Some of the outermost slices — rows of a matrix, matrices of a stack —, in place.
  ///
  /// - Parameters:
  ///   - range: a range within the first size.
  ///   - name: the new name.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when slices are no whole blocks of the format.
  /// - Precondition: the range is within the first size.
  package func slices(_ range: Range<Int>, name: String) throws(ModelError) -> Tensor {
    let total = shape.first ?? 0
    precondition(range.lowerBound >= 0 && range.upperBound <= total, "slices \(range) of \(shape)")
    let bytes = try sliceBytes()
    let shape = [range.count] + shape.dropFirst()
    let place: Source
    switch source {
    case .file(let file, let offset): place = .file(file, offset: offset + range.lowerBound * bytes)
    case .derived:
      let start = range.lowerBound * bytes
      place = .derived(
        unsafe Derivation(parts: [self]) { parts, target in
          unsafe target.copyMemory(from: parts[0].base + start, byteCount: range.count * bytes)
        })
    }
    return Tensor(name: name, type: type, shape: shape, byteCount: range.count * bytes, source: place)
  }

  /// Bytes of one of the outermost slices.
  private func sliceBytes() throws(ModelError) -> Int {
    guard shape.count > 1 || format?.isQuantized != true else {
      throw .tensor(name: name, reason: "is a vector in \(type), which cannot be taken apart; expected F32")
    }
    return shape.first.map { $0 == 0 ? 0 : byteCount / $0 } ?? 0
  }

  /// The same outermost slices in another order.
  ///
  /// - Parameters:
  ///   - name: the new name.
  ///   - order: for each place of the new tensor, the index of the slice of this one.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when slices are no whole blocks of the format.
  package func reordered(_ name: String, _ order: @escaping @Sendable (Int) -> Int) throws(ModelError) -> Tensor {
    let total = shape.first ?? 0
    let bytes = try sliceBytes()
    let derivation = unsafe Derivation(parts: [self]) { parts, target in
      for index in 0..<total {
        let from = order(index)
        precondition(from >= 0 && from < total, "slice \(from) of \(total)")
        unsafe (target + index * bytes).copyMemory(from: parts[0].base + from * bytes, byteCount: bytes)
      }
    }
    return Tensor(name: name, type: type, shape: shape, byteCount: byteCount, source: .derived(derivation))
  }

  /// 32-bit floats computed from others.
  ///
  /// - Parameters:
  ///   - parts: the tensors to compute with.
  ///   - name: the new name.
  ///   - shape: the new sizes.
  ///   - compute: computes as many numbers as `shape` says from the parts' numbers.
  package static func computed(
    _ parts: [Tensor], name: String, shape: [Int], _ compute: @escaping @Sendable ([[Float]]) -> [Float]
  ) -> Tensor {
    let count = shape.reduce(1, *)
    let derivation = unsafe Derivation(parts: parts) { parts, target in
      let values = compute(parts.map { $0.floats() })
      precondition(values.count == count, "\(values.count) values for \(shape)")
      unsafe values.withUnsafeBytes { values in
        if let base = values.baseAddress { unsafe target.copyMemory(from: base, byteCount: values.count) }
      }
    }
    return Tensor(
      name: name, type: WeightFormat.f32.name, shape: shape, byteCount: 4 * count, source: .derived(derivation))
  }
}

extension Tensor {
  /// A stack of matrices, each of some rows of one of the equal blocks that this matrix consists of.
  ///
  /// - Parameters:
  ///   - range: the rows within each block.
  ///   - size: the number of rows of a block.
  ///   - name: the new name.
  /// - Precondition: it is a matrix of whole blocks, and the range is within one.
  package func rows(_ range: Range<Int>, ofEach size: Int, name: String) -> Tensor {
    precondition(shape.count == 2 && shape[0] % size == 0, "blocks of \(size) in \(shape)")
    precondition(range.lowerBound >= 0 && range.upperBound <= size, "rows \(range) of \(size)")
    let (blocks, rowBytes) = (shape[0] / size, byteCount / max(shape[0], 1))
    let bytes = range.count * rowBytes
    let derivation = unsafe Derivation(parts: [self]) { parts, target in
      for block in 0..<blocks {
        let from = (block * size + range.lowerBound) * rowBytes
        unsafe (target + block * bytes).copyMemory(from: parts[0].base + from, byteCount: bytes)
      }
    }
    return Tensor(
      name: name, type: type, shape: [blocks, range.count, shape[1]], byteCount: blocks * bytes,
      source: .derived(derivation))
  }

  /// A stack of the transposes of a stack's matrices. Blocks of quantised weights do not turn: these become 32-bit floats.
  ///
  /// - Parameter name: the new name.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is no weight format.
  /// - Precondition: it is a stack of matrices.
  package func transposed(_ name: String) throws(ModelError) -> Tensor {
    precondition(shape.count == 3, "\(shape) is no stack of matrices")
    guard let format else { throw .tensor(name: self.name, reason: "element type \(type) is not supported") }
    let (matrices, rows) = (shape[0], shape[1])
    let result = format.isQuantized ? .f32 : format
    let bytes = result.bytes(rows * shape[2])
    let derivation = unsafe Derivation(parts: [self]) { parts, target in
      for index in 0..<matrices {
        let turned = parts[0].rows(index * rows..<(index + 1) * rows).transposed()
        unsafe (target + index * bytes).copyMemory(from: turned.base, byteCount: bytes)
      }
    }
    return Tensor(
      name: name, type: result.name, shape: [matrices, shape[2], rows], byteCount: matrices * bytes,
      source: .derived(derivation))
  }
}
