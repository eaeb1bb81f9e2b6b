internal import CKernels

/// The layout of panels of a format in a file or in memory: the number of columns of a row that stand together, which is
/// what the panels of instruction sets differ in.
package struct PanelLayout: Sendable, Equatable {
  /// The format of the weights.
  package let format: WeightFormat
  /// The number of columns of a row that stand together.
  package let columns: Int

  /// The layout that the instruction set multiplies with.
  package static func own(_ format: WeightFormat) -> PanelLayout {
    PanelLayout(format: format, columns: ck_panel_columns(format.isQuantized ? 0 : format.blockBytes))
  }

  /// All layouts of a format.
  package static func all(of format: WeightFormat) -> [PanelLayout] {
    let columns = format.isQuantized ? [4, 8] : format.blockBytes == 2 ? [1, 2] : [1]
    return columns.map { PanelLayout(format: format, columns: $0) }
  }

  /// The name of the element type, as `Q8_0 in panels of 4 columns`.
  package var name: String { "\(format.name) in panels of \(columns) column\(columns == 1 ? "" : "s")" }

  /// The alignment of panels in bytes: a cache line.
  static let alignment = AlignedBuffer.alignment

  /// The version of what is the same in all layouts: `CKernels/panel.h`.
  private static let version: UInt32 = 1

  /// The type number in GGUF files, far above those of rows: version, columns and the number of the format's rows.
  package var typeID: UInt32 { Self.version << 16 | UInt32(columns) << 8 | format.typeID }

  /// The layout of a type number; `nil` for those of rows and for layouts that are not known.
  init?(typeID: UInt32) {
    let known = WeightFormat.all.flatMap(Self.all)
    guard let layout = known.first(where: { $0.typeID == typeID }) else { return nil }
    self = layout
  }

  /// One line on a type number that is that of panels, in a version or of columns that are not known; `nil` for those of rows.
  static func unknown(typeID: UInt32) -> String? {
    let (version, columns) = (typeID >> 16, typeID >> 8 & 0xFF)
    guard version > 0, let format = WeightFormat.all.first(where: { $0.typeID == typeID & 0xFF }) else { return nil }
    let known = all(of: format).map { String($0.columns) }.joined(separator: " or ")
    return """
      \(format.name) in panels of version \(version) and \(columns) columns, expected version \(Self.version) and \(known)
      """
  }

  private init(format: WeightFormat, columns: Int) {
    self.format = format
    self.columns = columns
  }

  /// The number of bytes of a tensor: of the panels of each of its matrices, one behind another; `nil` for tensors that have
  /// no rows, and where the number overflows.
  ///
  /// - Precondition: the last size is whole blocks of the format, and rows of it have fewer than 2⁵⁸ bytes.
  func byteCount(_ shape: [Int]) -> Int? {
    guard shape.count >= 2 else { return nil }
    var bytes = format.panels.size(shape[shape.count - 1])
    for count in shape.dropLast(2) + [Panels.count(rows: shape[shape.count - 2])] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: count)
      guard !overflow else { return nil }
      bytes = product
    }
    return bytes
  }
}
