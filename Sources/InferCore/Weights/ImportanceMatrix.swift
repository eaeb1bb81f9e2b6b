public import Foundation
package import InferText

/// How much the columns of a model's matrices matter, as a text showed that the model read: of each matrix, the sum of the
/// squares of what each column was multiplied with, and the number of rows.
///
/// Files are those of llama.cpp's `llama-imatrix`, in GGUF and in the form before that (tools/imatrix and
/// common/imatrix-loader there); tensors have the names that llama.cpp has for them.
public struct ImportanceMatrix: Sendable, Equatable {
  /// The sums of one tensor.
  package struct Entry: Sendable, Equatable {
    /// For each of its matrices, of which experts have several, the sum of the squares of each column.
    package var sums: [[Float]]
    /// For each of them, the number of rows.
    package var counts: [Float]

    /// - Precondition: there are as many counts as lists of sums, one or more, and these are of one length.
    package init(sums: [[Float]], counts: [Float]) {
      precondition(!sums.isEmpty && sums.count == counts.count, "\(sums.count) sums, \(counts.count) counts")
      precondition(sums.allSatisfy { $0.count == sums[0].count }, "sums of one length")
      self.sums = sums
      self.counts = counts
    }

    /// The mean squares. Of a matrix that no row came to, all columns count alike.
    package var importance: ColumnImportance {
      ColumnImportance(
        zip(sums, counts).map { sums, count in
          count > 0 ? sums.map { $0 / count } : Array(repeating: 1, count: sums.count)
        })
    }
  }

  /// The sums by the names of tensors.
  package var entries: TextDictionary<Entry> = [:]
  /// The names of the texts.
  package var datasets: [String] = []
  /// The number of pieces of text that were read.
  package var chunkCount = 0
  /// The number of tokens of a piece.
  package var chunkSize = 0

  /// One without tensors.
  package init() {}

  /// The number of tensors.
  public var count: Int { entries.count }

  /// Reads a file.
  ///
  /// - Throws: ``ModelError`` that names the file, and the tensor where there is one.
  public init(at url: URL) throws(ModelError) {
    let file = try MappedFile(at: url)
    if GGUF.isOne(file) { try self.init(GGUF(file)) } else { try self.init(legacy: file) }
    guard !entries.isEmpty else { throw .malformed(at: url, reason: "an importance matrix without tensors") }
  }

  private init(_ file: GGUF) throws(ModelError) {
    if let type = file.metadata["general.type"]?.string, !type.isExactly("imatrix") {
      throw .malformed(at: file.url, reason: "metadata general.type: \"\(type)\", expected \"imatrix\"")
    }
    datasets = (file.metadata[Self.datasetsKey]?.array ?? []).compactMap(\.string)
    chunkCount = file.metadata[Self.chunkCountKey]?.count ?? 0
    chunkSize = file.metadata[Self.chunkSizeKey]?.count ?? 0
    var found: TextDictionary<(sums: Tensor?, counts: Tensor?)> = [:]
    for tensor in file.tensors {
      if let name = tensor.name.removing(exactSuffix: Self.sumsSuffix) {
        found[name, default: (nil, nil)].sums = tensor
      } else if let name = tensor.name.removing(exactSuffix: Self.countsSuffix) {
        found[name, default: (nil, nil)].counts = tensor
      }
    }
    for (name, pair) in found {
      guard let sums = pair.sums, let counts = pair.counts else {
        let missing = name + (pair.sums == nil ? Self.sumsSuffix : Self.countsSuffix)
        throw .tensor(name: missing, reason: "is missing in \(file.url.displayPath)")
      }
      entries[name] = try Self.entry(sums, counts)
    }
  }

  private static func entry(_ sums: Tensor, _ counts: Tensor) throws(ModelError) -> Entry {
    for tensor in [sums, counts] where tensor.type != WeightFormat.f32.name {
      throw .tensor(name: tensor.name, reason: "is \(tensor.type), expected F32 as an importance matrix has it")
    }
    let (values, numbers) = (try sums.floats(), try counts.floats())
    guard !numbers.isEmpty, !values.isEmpty, values.count % numbers.count == 0 else {
      throw .tensor(name: sums.name, reason: "\(values.count) sums for \(numbers.count) counts")
    }
    try check(values, sums.name)
    try check(numbers, counts.name)
    let columns = values.count / numbers.count
    return Entry(
      sums: numbers.indices.map { Array(values[$0 * columns..<($0 + 1) * columns]) }, counts: numbers)
  }

  /// Checks that squares, or counts, are such.
  static func check(_ values: [Float], _ name: String) throws(ModelError) {
    if let wrong = values.first(where: { !($0 >= 0 && $0.isFinite) }) {
      throw .tensor(name: name, reason: "holds \(wrong), expected finite numbers of 0 or more")
    }
  }

  static let sumsSuffix = ".in_sum2"
  static let countsSuffix = ".counts"
  private static let datasetsKey = "imatrix.datasets"
  private static let chunkCountKey = "imatrix.chunk_count"
  private static let chunkSizeKey = "imatrix.chunk_size"

  /// Writes a GGUF file, tensors by name.
  ///
  /// - Throws: ``ModelError/unwritable(_:)``.
  package func write(to url: URL) throws(ModelError) {
    let sorted = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    let writer = try GGUFWriter(
      at: url,
      metadata: [
        ("general.type", .string("imatrix")), (Self.datasetsKey, .array(datasets.map(GGUFValue.string))),
        (Self.chunkCountKey, .unsigned(UInt64(chunkCount))), (Self.chunkSizeKey, .unsigned(UInt64(chunkSize))),
      ],
      tensors: sorted.flatMap { name, entry in
        [
          GGUFWriter.Tensor(
            name: name + Self.sumsSuffix, shape: [entry.sums.count, entry.sums[0].count], format: .f32),
          GGUFWriter.Tensor(name: name + Self.countsSuffix, shape: [entry.counts.count, 1], format: .f32),
        ]
      })
    for (_, entry) in sorted {
      try writer.write(
        Matrix(rows: entry.sums.count, columns: entry.sums[0].count, values: Array(entry.sums.joined())))
      try writer.write(Matrix(rows: entry.counts.count, columns: 1, values: entry.counts))
    }
    try writer.finish()
  }

  /// Adds the sums of another text.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when a tensor has another shape there.
  package mutating func add(_ other: ImportanceMatrix) throws(ModelError) {
    for (name, entry) in other.entries {
      guard var own = entries[name] else {
        entries[name] = entry
        continue
      }
      guard own.sums.count == entry.sums.count, own.sums[0].count == entry.sums[0].count else {
        throw .tensor(
          name: name,
          reason: "has sums of \(own.sums.count) × \(own.sums[0].count) columns, and of \(entry.sums.count) × "
            + "\(entry.sums[0].count) in another importance matrix; expected those of one model")
      }
      for place in own.sums.indices {
        own.counts[place] += entry.counts[place]
        for column in own.sums[place].indices { own.sums[place][column] += entry.sums[place][column] }
      }
      entries[name] = own
    }
    datasets += other.datasets
    let (sum, overflow) = chunkCount.addingReportingOverflow(other.chunkCount)
    chunkCount = overflow ? .max : sum
    if chunkSize == 0 { chunkSize = other.chunkSize }
  }
}
