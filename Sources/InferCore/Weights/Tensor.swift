internal import Foundation

/// A tensor of a checkpoint, whose bounds, shape and element type are checked and whose numbers are not read yet.
package struct Tensor: Sendable {
  /// The source of a tensor's bytes.
  enum Source: Sendable {
    /// A mapped file.
    case file(MappedFile, offset: Int)
    /// Other tensors, from which the bytes are computed when they are read.
    case derived(Derivation)
  }

  /// The name, as model families know it.
  package let name: String
  /// The element type as the file spells it, e.g. `BF16` or `I64`, or the name of ``panels``.
  package let type: String
  /// The sizes, slowest first; empty for a scalar.
  package let shape: [Int]
  /// The number of bytes.
  package let byteCount: Int
  let source: Source
  /// The layout of a tensor that is stored as panels of matrices of its last two sizes; `nil` for one that is stored in rows.
  ///
  /// Its element type is no weight format, so that nobody takes it for rows.
  package var panels: PanelLayout?
  /// The same matrix with its columns in another order, in which it takes less memory; `nil` for most.
  var ordered: OrderedColumns?

  /// The number of elements: the product of ``shape``.
  package var count: Int { shape.reduce(1, *) }

  /// The format of the weights, or `nil` for element types that are no weights.
  package var format: WeightFormat? { WeightFormat.all.first { $0.name == type } }

  /// The whole tensor as a matrix of `rows` rows, in place where it is aligned.
  ///
  /// - Parameters:
  ///   - rows: Number of rows.
  ///   - columns: Number of columns.
  ///   - isRead: Without this, a derived tensor is not computed: its shape and format are right and all weights zero.
  ///   - team: the threads that compute a derived tensor, where several can.
  ///   - isCancelled: a closure that says whether they are to leave off.
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is no weight format, or when it is computed of numbers
  ///   that are not finite; ``ModelError/cancelled``.
  func matrix(
    rows: Int, columns: Int, isRead: Bool = true, team: ThreadTeam? = nil, isCancelled: (@Sendable () -> Bool)? = nil
  ) throws(ModelError) -> Matrix {
    precondition(rows * columns == count, "\(shape) as \(rows) × \(columns)")
    guard let format else {
      let known = WeightFormat.all.map(\.name).joined(separator: ", ")
      throw .tensor(name: name, reason: "element type \(type) is not supported; expected one of \(known)")
    }
    switch source {
    case .file(let file, let offset):
      let bytes = unsafe UnsafeRawBufferPointer(start: file.base + offset, count: byteCount)
      return unsafe Matrix(format: format, rows: rows, columns: columns, mapped: bytes, owner: file)
    case .derived(let derivation):
      let owner =
        try isRead
        ? derivation.bytes(count: byteCount, name: name, team: team, isCancelled: isCancelled)
        : unsafe OwnedBytes(byteCount: byteCount) { _ in }
      return unsafe Matrix(format: format, rows: rows, columns: columns, base: owner.base, owner: owner)
    }
  }

  /// The whole tensor as rows of its last size; a vector is one row. Where it is computed, all of the team's threads do so.
  func matrix(team: ThreadTeam? = nil) throws(ModelError) -> Matrix {
    let columns = shape.last ?? 1
    return try matrix(rows: columns == 0 ? 0 : count / columns, columns: columns, team: team)
  }

  /// The whole tensor as a matrix of rows of its last size, in place where it is in the format already, else in memory
  /// of its own. All of the team's threads work on it.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is no weight format, when the weights are
  ///   quantised already, or when some cannot be told in the format.
  ///
  /// - Parameters:
  ///   - format: the format.
  ///   - importance: the importance of columns, of each matrix of a stack or of all; `nil` where all count alike.
  ///   - team: the threads.
  package func matrix(
    in format: WeightFormat, importance: ColumnImportance? = nil, team: ThreadTeam
  ) throws(ModelError) -> Matrix {
    try matrix(team: team).quantized(to: format, name: name, importance: importance, team: team)
  }

  /// Packs the matrix, or each of the stack, and passes it on, one at a time.
  ///
  /// - Throws: as ``matrix(in:team:)``, ``ModelError/outOfMemory(_:)``, and what `body` throws.
  /// - Precondition: it has rows and columns.
  package func withEachPacked(
    as format: WeightFormat, importance: ColumnImportance? = nil, team: ThreadTeam,
    _ body: (PackedMatrix) throws(ModelError) -> Void
  ) throws(ModelError) {
    precondition(shape.count >= 2, "\(shape) is no matrix")
    let (all, rows) = (try matrix(team: team), shape[shape.count - 2])
    for (place, first) in stride(from: 0, to: all.rows, by: max(rows, 1)).enumerated() {
      let matrix = all.rows(first..<first + rows)
      try body(
        PackedMatrix.pack(
          [matrix], as: format, name: name, importance: importance.map { ($0, [place]) }, in: WeightArena(), team: team)[
            0])
    }
  }

  /// Whether the tensor stands before another: in an earlier file, or earlier in the same file.
  package func isBefore(_ other: Tensor) -> Bool {
    (place.file?.path ?? "", place.offset, name) < (other.place.file?.path ?? "", other.place.offset, other.name)
  }

  /// The file that holds it, or its first part, and where.
  var place: (file: URL?, offset: Int) {
    switch source {
    case .file(let file, let offset): (file.url, offset)
    case .derived(let derivation): derivation.parts.first?.place ?? (nil, 0)
    }
  }

  /// The names of the tensors of files that it is made of.
  var storedNames: [String] {
    switch source {
    case .file: [name]
    case .derived(let derivation): derivation.parts.flatMap(\.storedNames)
    }
  }

  /// The ranges of files that reading the tensor reads.
  var files: [(file: MappedFile, range: Range<Int>)] {
    switch source {
    case .file(let file, let offset): [(file, offset..<offset + byteCount)]
    case .derived(let derivation): derivation.parts.flatMap(\.files)
    }
  }

  /// Gives back the memory that reading the tensor took. Its bytes can be read again from the file.
  package func releasePages() {
    for (file, range) in files { file.releasePages(range) }
  }
}

/// A matrix whose columns stand in an order of their own, for those who multiply with it and can put theirs in the same.
final class OrderedColumns: Sendable {
  let tensor: Tensor
  let order: ColumnOrder

  init(_ tensor: Tensor, _ order: ColumnOrder) {
    self.tensor = tensor
    self.order = order
  }
}

extension Tensor {
  /// All numbers as floats. O(``count``).
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is no weight format.
  package func floats() throws(ModelError) -> [Float] { try matrix().floats() }

  /// All numbers of an `I32` tensor. O(``count``).
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is another.
  package func integers() throws(ModelError) -> [Int32] {
    guard type == "I32", case .file(let file, let offset) = source else {
      throw .tensor(name: name, reason: "element type \(type), expected I32")
    }
    return [Int32](littleEndianBytes: file.copyBytes(offset..<offset + byteCount)[...])
  }

  /// All numbers of an `I64` tensor. O(``count``).
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when the element type is another.
  func longIntegers() throws(ModelError) -> [Int64] {
    guard type == "I64", case .file(let file, let offset) = source else {
      throw .tensor(name: name, reason: "element type \(type), expected I64")
    }
    return [Int64](littleEndianBytes: file.copyBytes(offset..<offset + byteCount)[...])
  }
}
