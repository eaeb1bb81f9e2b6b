/// The order in which the columns of a packed matrix stand: products take columns of activations in the same.
///
/// Matrices that share an order share the object.
package final class ColumnOrder: Sendable {
  /// For each place, the column that stands there.
  package let indices: [Int32]

  /// - Precondition: each index from zero is there once.
  package init(_ indices: [Int32]) {
    precondition(Set(indices) == Set(0..<Int32(indices.count)), "\(indices.count) places of columns")
    self.indices = indices
  }

  /// The order in which columns of one group are neighbours, groups and their columns ascending; `nil` where a group but the last
  /// has another number of columns than `size`.
  ///
  /// - Parameters:
  ///   - groups: the group of each column.
  ///   - count: the number of groups, all above those that there are.
  ///   - size: columns of a group.
  package convenience init?(groups: [Int32], count: Int, size: Int) {
    var places = (0..<count).map { $0 * size }
    var indices = [Int32](repeating: 0, count: groups.count)
    for (column, group) in groups.enumerated() {
      let place = places[Int(group)]
      guard place < min((Int(group) + 1) * size, groups.count) else { return nil }
      indices[place] = Int32(column)
      places[Int(group)] = place + 1
    }
    self.init(indices)
  }
}
