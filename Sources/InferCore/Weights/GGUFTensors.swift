internal import InferText

extension GGUF {
  /// Element types that are no weights, by number: name and bytes.
  private static let plainTypes: [UInt32: (name: String, bytes: Int)] = [
    24: ("I8", 1), 25: ("I16", 2), 26: ("I32", 4), 27: ("I64", 8), 28: ("F64", 8),
  ]
  /// Names of element types that others know, for messages.
  private static let foreignTypes: [UInt32: String] = [
    9: "Q8_1", 15: "Q8_K", 41: "Q1_0", 42: "Q2_0",
  ]
  /// Dimensions of a tensor at most.
  private static let mostDimensions: UInt32 = 4

  /// The layout of the elements of a tensor.
  private struct Layout {
    let type: String
    let blockElements: Int
    let blockBytes: Int
    /// The layout of elements that are in panels; blocks are those of their format.
    var panels: PanelLayout?
  }

  /// A tensor as the head describes it; its data begin at some byte behind the head.
  private struct Description {
    let name: String
    let layout: Layout
    let shape: [Int]
    let byteCount: Int
    let offset: UInt64
  }

  /// Reads the list of tensors that ends the head, and finds their data behind it.
  static func tensors(_ cursor: inout GGUFCursor, count: Int, alignment: Int) throws(ModelError) -> [Tensor] {
    var descriptions: [Description] = []
    descriptions.reserveCapacity(count)
    var names: Set<ExactText> = []
    for index in 0..<count {
      cursor.place = "tensor \(index)"
      let description = try self.description(&cursor)
      guard names.insert(description.name) else { throw cursor.wrong("is there twice") }
      descriptions.append(description)
    }
    let file = cursor.file
    let dataStart = (cursor.offset + alignment - 1) / alignment * alignment
    var tensors: [Tensor] = []
    tensors.reserveCapacity(count)
    for description in descriptions {
      tensors.append(try tensor(description, dataStart: dataStart, alignment: alignment, file))
    }
    tensors.sort { ($0.place.offset, $0.byteCount) < ($1.place.offset, $1.byteCount) }
    for (a, b) in zip(tensors, tensors.dropFirst()) where a.place.offset + a.byteCount > b.place.offset {
      throw .tensor(name: b.name, reason: "overlaps \(a.name) in \(file.url.displayPath)")
    }
    return tensors
  }

  private static func description(_ cursor: inout GGUFCursor) throws(ModelError) -> Description {
    let name = try cursor.string()
    cursor.place = "tensor \(name.prefix(80))"
    let dimensions = try cursor.integer(UInt32.self)
    guard dimensions <= mostDimensions else {
      throw cursor.wrong("\(dimensions) dimensions, expected at most \(mostDimensions)")
    }
    var shape: [Int] = []
    for _ in 0..<dimensions {
      let size = try cursor.integer(UInt64.self)
      // Without a zero among them, sizes are bounded by the bytes of the data, and so is all that follows from them.
      guard let size = Int(exactly: size), size > 0 else { throw cursor.wrong("a size of \(size)") }
      shape.insert(size, at: 0)
    }
    let layout = try layout(cursor.integer(), cursor)
    let byteCount = try byteCount(shape, layout, cursor)
    return Description(name: name, layout: layout, shape: shape, byteCount: byteCount, offset: try cursor.integer())
  }

  private static func layout(_ number: UInt32, _ cursor: GGUFCursor) throws(ModelError) -> Layout {
    if let format = WeightFormat.all.first(where: { $0.typeID == number }) {
      return Layout(type: format.name, blockElements: format.blockElements, blockBytes: format.blockBytes)
    }
    if let panels = PanelLayout(typeID: number) {
      let format = panels.format
      return Layout(
        type: panels.name, blockElements: format.blockElements, blockBytes: format.blockBytes, panels: panels)
    }
    if let plain = plainTypes[number] { return Layout(type: plain.name, blockElements: 1, blockBytes: plain.bytes) }
    if let panels = PanelLayout.unknown(typeID: number) { throw cursor.wrong(panels) }
    let known = WeightFormat.all.map(\.name).joined(separator: ", ")
    let name = foreignTypes[number].map { "\($0) (\(number))" } ?? String(number)
    throw cursor.wrong("element type \(name) is not supported; expected one of \(known)")
  }

  private static func byteCount(_ shape: [Int], _ layout: Layout, _ cursor: GGUFCursor) throws(ModelError) -> Int {
    let columns = shape.last ?? 1
    guard columns % layout.blockElements == 0 else {
      throw cursor.wrong("rows of \(columns) are no multiple of \(layout.type)'s block of \(layout.blockElements)")
    }
    var bytes = layout.blockBytes
    for size in shape.dropLast() + [columns / layout.blockElements] {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
      guard !overflow else { throw cursor.wrong("sizes \(shape) overflow") }
      bytes = product
    }
    // Elements are counted as well, and there are more of them than bytes in some formats.
    guard bytes <= Int.max / 64 else { throw cursor.wrong("sizes \(shape) are beyond any file") }
    guard let panels = layout.panels else { return bytes }
    guard let bytes = panels.byteCount(shape), bytes <= Int.max / 64 else {
      throw cursor.wrong("sizes \(shape), which cannot be \(layout.type)")
    }
    return bytes
  }

  private static func tensor(
    _ description: Description, dataStart: Int, alignment: Int, _ file: MappedFile
  ) throws(ModelError) -> Tensor {
    func wrong(_ reason: String) -> ModelError {
      .tensor(name: description.name, reason: "\(reason), in \(file.url.displayPath)")
    }
    guard description.offset % UInt64(alignment) == 0 else {
      throw wrong("begins at byte \(description.offset) of the data, expected a multiple of \(alignment)")
    }
    let available = UInt64(max(0, file.byteCount - dataStart))
    let (end, overflow) = description.offset.addingReportingOverflow(UInt64(description.byteCount))
    guard !overflow, end <= available else {
      throw wrong(
        "takes \(description.byteCount) bytes from byte \(description.offset) of \(available) bytes of data: truncated")
    }
    let start = dataStart + Int(description.offset)
    guard description.layout.panels == nil || start % PanelLayout.alignment == 0 else {
      throw wrong("is in panels and begins at byte \(start), expected a multiple of \(PanelLayout.alignment)")
    }
    return Tensor(
      name: description.name, type: description.layout.type, shape: description.shape,
      byteCount: description.byteCount, source: .file(file, offset: start), panels: description.layout.panels)
  }
}
