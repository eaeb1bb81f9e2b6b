/// How much errors of each column of a matrix matter, or of each matrix of a stack: the mean square of what the column is
/// multiplied with.
package struct ColumnImportance: Sendable, Equatable {
  /// The number of columns.
  package let columns: Int
  /// For each matrix, a number ≥ 0 for each column; one list for all that have the same.
  private let matrices: [[Float]]

  /// The importance of the columns of one matrix, or of each of several.
  ///
  /// - Precondition: there is one, and all have as many columns.
  package init(_ matrices: [[Float]]) {
    precondition(!matrices.isEmpty && matrices.allSatisfy { $0.count == matrices[0].count }, "lists of one length")
    columns = matrices[0].count
    self.matrices = matrices
  }

  /// The number of lists.
  package var count: Int { matrices.count }

  /// The importance of the columns of a matrix, by its number in the stack.
  package func of(_ place: Int) -> [Float] { matrices[min(place, matrices.count - 1)] }

  /// The importance of the columns of one matrix alone.
  package func only(_ place: Int) -> ColumnImportance { ColumnImportance([of(place)]) }
}
