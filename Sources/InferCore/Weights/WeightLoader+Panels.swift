internal import InferText

extension Tensor {
  /// The panels of a tensor that is stored as such; `nil` for one that is stored in rows.
  var storedPanels: StoredPanels? {
    guard let panels, case .file(let file, let offset) = source else { return nil }
    let (rows, columns) = (shape[shape.count - 2], shape[shape.count - 1])
    return unsafe StoredPanels(
      layout: panels, count: shape.dropLast(2).reduce(1, *), rows: rows, columns: columns, base: file.base + offset,
      owner: file)
  }
}

extension WeightLoader {
  /// The matrices of a tensor that is stored in panels: in the file where they lie as the instruction set takes them, else
  /// turned, in memory of their own.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when they are wanted in another format.
  func matrices(_ read: ReadTensor, _ panels: StoredPanels, _ role: MatrixRole) throws(ModelError) -> [PackedMatrix] {
    try checkCancellation()
    let tensor = read.tensor
    let format = panels.layout.format
    let wanted = plan?.format(of: tensor.name, role: role, columns: panels.columns, stored: format) ?? format
    guard wanted == format else {
      throw .tensor(
        name: tensor.name,
        reason: "is \(panels.layout.name); quantising to \(wanted.name) needs the model that the file was made of")
    }
    if reads(read) { tensor.files.forEach { readAhead.begin($0.file, $0.range) } }
    let matrices: [PackedMatrix]
    if panels.layout == .own(format) {
      matrices = panels.inPlace()
      if read.isHere { addMapped(tensor) }
    } else {
      tell(of: panels.layout, tensor)
      matrices = try panels.turned(in: arena, team: reads(read) ? team : nil, isCancelled: isCancelled)
      tensor.releasePages()
    }
    finish(tensor, role, format, isMultiplied: true, share: read.isHere ? 1 : 0)
    return matrices
  }

  /// Remarks that a file is not for this machine, once.
  private func tell(of layout: PanelLayout, _ tensor: Tensor) {
    let isFirst = account.withLock { account in
      defer { account.isLayoutTold = true }
      return !account.isLayoutTold
    }
    guard isFirst else { return }
    let file = tensor.place.file?.displayPath ?? ""
    let own = PanelLayout.own(layout.format).columns
    remark(
      "\(file) holds \(layout.name), and \(InstructionSet.name) multiplies with panels of \(own): they are turned while "
        + "they are loaded, into memory of their own; a file that is quantised here with --panels is used in place")
  }
}
