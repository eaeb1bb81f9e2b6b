/// A matrix whose rows can be read one by one, as those of an embedding are.
package protocol RowTable: Sendable {
  /// The number of rows.
  var rows: Int { get }
  /// The number of floats of a row.
  var columns: Int { get }
  /// The number of bytes that a row takes.
  var rowBytes: Int { get }
  /// Writes a row as floats.
  func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>)
}

extension PackedMatrix: RowTable {
  package var rowBytes: Int { format.bytes(columns) }

  package func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    unsafe format.panels.unpackRow(out, panels.panel(index / Self.panelRows), index % Self.panelRows, columns)
    guard let columnOrder else { return }
    let row = unsafe Array(UnsafeBufferPointer(start: out, count: columns))
    for (place, column) in columnOrder.indices.enumerated() { unsafe out[Int(column)] = row[place] }
  }
}

extension Matrix: RowTable {
  package func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
    unsafe format.unpack(out, row(index), columns)
  }
}
