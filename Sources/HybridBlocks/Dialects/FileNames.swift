internal import InferCore
internal import InferText

/// The names in llama.cpp's files of what a family's tensors are there: importance matrices have these.
struct FileNames: Sendable {
  /// A tensor of a file.
  struct Place: Sendable {
    let name: String
    /// The number of the family's tensor in the file's stack, and the number of all of these; `nil` where the two have the same
    /// matrices.
    var matrix: (index: Int, count: Int)?
  }

  private let places: TextDictionary<[Place]>

  /// The names of a family's tensors; none where llama.cpp has no such models.
  init(_ family: any ModelFamily) {
    let dialect = Dialects.dialect(writing: family) ?? Dialects.all.first { $0.family == type(of: family) }
    places = dialect?.places(ofAny: family) ?? [:]
  }

  /// The tensors of a file that are made of one of the family's; the tensor under its own name where there are none.
  subscript(name: String) -> [Place] { places[name] ?? [Place(name: name)] }

  /// The importance of the columns of tensors, by the family's names. What has other sizes than a tensor is kept, so that
  /// whoever quantises it is told.
  func importance(_ matrix: ImportanceMatrix, of tensors: some Sequence<Tensor>) -> TextDictionary<ColumnImportance> {
    var result: TextDictionary<ColumnImportance> = [:]
    for tensor in tensors where tensor.shape.count > 1 {
      let columns = tensor.shape[tensor.shape.count - 1]
      let found = (self[tensor.name] + [Place(name: tensor.name)]).compactMap { place in
        matrix.entries[place.name].map { entry in
          let count = place.matrix?.count ?? tensor.shape.dropLast(2).reduce(1, *)
          let all = entry.divided(into: count).importance
          return place.matrix.map { all.count == $0.count ? all.only($0.index) : all } ?? all
        }
      }
      result[tensor.name] = found.first { $0.columns == columns } ?? found.first
    }
    return result
  }

  /// Sums as an importance matrix has them.
  func entries(_ tensors: [InputSums.Tensor]) -> TextDictionary<ImportanceMatrix.Entry> {
    var entries: TextDictionary<ImportanceMatrix.Entry> = [:]
    for tensor in tensors {
      let sums = tensor.sums.map { $0.map { Float($0) } }
      let counts = tensor.counts.map { Float($0) }
      for place in self[tensor.name] {
        guard let (index, count) = place.matrix else {
          entries[place.name] = ImportanceMatrix.Entry(sums: sums, counts: counts)
          continue
        }
        let none = ImportanceMatrix.Entry(
          sums: Array(repeating: Array(repeating: 0, count: sums[0].count), count: count),
          counts: Array(repeating: 0, count: count))
        entries[place.name, default: none].sums[index] = sums[0]
        entries[place.name, default: none].counts[index] = counts[0]
      }
    }
    return entries
  }
}

extension ImportanceMatrix.Entry {
  /// The entry of a stack of matrices: the older form of files has the columns of all of them in one list.
  fileprivate func divided(into count: Int) -> Self {
    guard sums.count == 1, count > 1, sums[0].count % count == 0 else { return self }
    let columns = sums[0].count / count
    return Self(
      sums: (0..<count).map { Array(sums[0][$0 * columns..<($0 + 1) * columns]) },
      counts: Array(repeating: counts[0], count: count))
  }
}

extension Dialect {
  /// The tensors of a file for each tensor of a model of any family.
  fileprivate static func places(ofAny family: any ModelFamily) -> TextDictionary<[FileNames.Place]> {
    guard let family = family as? Family else { return [:] }
    var places: TextDictionary<[FileNames.Place]> = [:]
    for rule in rules(family).expanded(layers: family.layerCount) {
      for names in rule.sourceNames {
        for (index, name) in names.enumerated() where places[name] == nil {
          if case .experts(let count) = rule.form {
            places[name] = [FileNames.Place(name: rule.file[0], matrix: (index, count))]
          } else if names.count == rule.file.count {
            places[name] = [FileNames.Place(name: rule.file[index])]
          } else {
            places[name] = rule.file.map { FileNames.Place(name: $0) }
          }
        }
      }
    }
    return places
  }
}
