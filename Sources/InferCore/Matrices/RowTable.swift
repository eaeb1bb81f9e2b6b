/// A matrix whose rows can be read one by one, as an embedding's are.
package protocol RowTable: Sendable {
  /// Number of rows.
  var rows: Int { get }
  /// Floats of a row.
  var columns: Int { get }
  /// Bytes that a row takes.
  var rowBytes: Int { get }
  /// Writes a row as floats.
  func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>)
}

extension PackedMatrix: RowTable {
  package var rowBytes: Int { format.bytes(columns) }

  package func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
    precondition(index >= 0 && index < rows, "row \(index) of \(rows)")
    unsafe format.panels.unpackRow(out, panels.panel(index / Self.panelRows), index % Self.panelRows, columns)
  }
}

extension Matrix: RowTable {
  package func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
    unsafe format.unpack(out, row(index), columns)
  }
}
