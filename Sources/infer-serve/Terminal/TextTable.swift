/// Rows as text, whose cells stand below each other in columns as wide as the widest.
func table(_ rows: [[String]]) -> String {
  let count = rows.map(\.count).max() ?? 0
  let widths = (0..<count).map { column in
    rows.reduce(0) { $1.indices.contains(column) ? max($0, $1[column].columns) : $0 }
  }
  return rows.map { row in
    zip(row.dropLast(), widths).map { $0.padded(toColumns: $1) + "  " }.joined() + (row.last ?? "") + "\n"
  }.joined()
}
