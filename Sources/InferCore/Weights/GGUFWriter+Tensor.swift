extension GGUFWriter {
  /// A tensor of the file.
  package struct Tensor: Sendable {
    /// Its name.
    package let name: String
    /// Its sizes, slowest first.
    package let shape: [Int]
    /// The format of its elements.
    package let format: WeightFormat
    /// The layout of a tensor of panels; `nil` for one of rows.
    package let panels: PanelLayout?

    /// Describes a tensor of rows.
    ///
    /// - Precondition: rows are whole blocks of the format.
    package init(name: String, shape: [Int], format: WeightFormat) {
      precondition((shape.last ?? 1) % format.blockElements == 0, "\(name): rows of \(shape) in \(format.name)")
      self.name = name
      self.shape = shape
      self.format = format
      panels = nil
      byteCount = format.bytes(shape.reduce(1, *))
    }

    /// Describes a tensor of the panels of one matrix or a stack of them.
    ///
    /// - Precondition: rows are whole blocks of the format.
    package init(name: String, shape: [Int], panels: PanelLayout) {
      let format = panels.format
      guard shape.last.map({ $0 % format.blockElements == 0 }) ?? false, let bytes = panels.byteCount(shape) else {
        preconditionFailure("\(name): panels of \(shape) in \(format.name)")
      }
      self.name = name
      self.shape = shape
      self.format = format
      self.panels = panels
      byteCount = bytes
    }

    /// Bytes that it takes.
    package let byteCount: Int
    /// The number of its element type.
    var typeID: UInt32 { panels?.typeID ?? format.typeID }
  }
}
