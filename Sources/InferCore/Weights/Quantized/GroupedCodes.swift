/// A matrix whose weights are codes of up to eight bits, with a scale for some columns of a row, or for all: `scale · (code −
/// zero)`, or `scale · code + offset`.
///
/// Where groups are whole blocks of 32, codes are copied into a format that has the same, with scales and offsets in F16.
/// Otherwise weights become F16. So do those whose columns are of groups in another order than they stand in, but for who can
/// multiply with columns in the order of their groups.
struct GroupedCodes: Sendable {
  /// The places of codes in their tensor. Words are little-endian and of 32 bits, codes in them from the lowest bits up.
  enum Order: Sendable {
    /// The columns of a row in words of its own.
    case alongRows
    /// The columns of a row in the words of a column.
    case alongColumns
    /// Eight rows of a column in a word, as AWQ mixes them.
    case mixed
    /// A signed byte each.
    case bytes
  }

  /// Numbers that are subtracted from codes, or added to their products with scales.
  enum Zeros: Sendable {
    /// The same of all.
    case same(Int)
    /// Codes of rows in words, one group behind another; `excess` is added to each.
    case alongRows(excess: Int)
    /// Codes of rows in words, groups side by side.
    case alongColumns
    /// Eight rows in a word, as AWQ mixes them.
    case mixed
    /// A signed byte each, those of a row so many places behind those of the one before.
    case bytes(rowStep: Int)
    /// Numbers to add, row by row.
    case offsets(ScaleType)
  }

  /// The tables of scales.
  struct Scales: Sendable {
    let type: ScaleType
    /// Places from one row's to the next one's.
    let rowStep: Int
    /// Places from one group's to the next one's.
    let groupStep: Int
    /// The divisor of all scales.
    var divisor: Float = 1
  }

  let rows: Int
  let columns: Int
  let bits: Int
  let order: Order
  let scales: Scales
  let zeros: Zeros
  /// Columns that share a scale. Of the last group there may be fewer.
  let groupSize: Int
  /// `true` where a tensor says of each column what group it is of.
  var hasOrder = false
  /// The order in which columns are read; `nil` for that in which they are stored.
  var columnOrder: ColumnOrder?

  /// The number of groups of a row.
  var groups: Int { (columns + groupSize - 1) / groupSize }

  /// A format of blocks that has the codes, or 16-bit floats.
  var format: WeightFormat {
    guard columns % blockSize == 0, groupSize % blockSize == 0 || groupSize == columns, !hasOrder else { return .f16 }
    switch zeros {
    case .same:
      if case .bytes = order { return .q8_0 }
      return bits <= 4 ? .q4_0 : bits == 5 ? .q5_0 : .q8_0
    case .offsets: return bits <= 4 ? .q4_1 : bits == 5 ? .q5_1 : .i8_1
    case .alongRows, .alongColumns, .mixed, .bytes:
      if case .bytes = order { return .i8_1 }
      // Differences of two codes have a bit more, and no value that a block lacks.
      return bits <= 4 ? .q5_0 : bits < 8 ? .q8_0 : .i8_1
    }
  }

  /// Columns of a block of the formats.
  private let blockSize = 32

  init(
    rows: Int, columns: Int, bits: Int, order: Order, scales: Scales, zeros: Zeros, groupSize: Int,
    hasOrder: Bool = false
  ) {
    self.rows = rows
    self.columns = columns
    self.bits = bits
    self.order = order
    self.scales = scales
    self.zeros = zeros
    self.groupSize = groupSize
    self.hasOrder = hasOrder
  }

  /// The matrix, of its codes, scales, zeros where these are a tensor, and groups of columns where they have an order.
  ///
  /// - Throws: ``ModelError/tensor(name:reason:)`` when groups of columns cannot be read.
  func tensor(_ name: String, _ parts: [Tensor]) throws(ModelError) -> Tensor {
    var tensor = derived(name, parts)
    guard hasOrder, let groups = parts.last,
      let order = try ColumnOrder(groups: groups.integers(), count: self.groups, size: groupSize)
    else { return tensor }
    var ordered = self
    ordered.hasOrder = false
    ordered.columnOrder = order
    if ordered.format != .f16 { tensor.ordered = OrderedColumns(ordered.derived(name, parts), order) }
    return tensor
  }

  private func derived(_ name: String, _ parts: [Tensor]) -> Tensor {
    let format = format
    let derivation = unsafe Derivation(rows: rows, of: parts) { range, parts, target in
      unsafe write(range, parts, as: format, to: target)
    }
    return Tensor(
      name: name, type: format.name, shape: [rows, columns], byteCount: rows * format.bytes(columns),
      source: .derived(derivation))
  }

  /// Writes rows of which the first is at `target`.
  ///
  /// - Returns: how many scales or weights are no finite halves.
  private func write(
    _ range: Range<Int>, _ parts: [UnsafeRawPointer], as format: WeightFormat, to target: UnsafeMutableRawPointer
  ) -> Int {
    var broken = 0
    let rowBytes = format.bytes(columns)
    var row = Row(scales: [Float](repeating: 0, count: groups), zeros: [Float](repeating: 0, count: groups))
    for index in range {
      unsafe read(&row, index, parts)
      let out = unsafe target + (index - range.lowerBound) * rowBytes
      broken +=
        format == .f16
        ? unsafe writeHalves(row, index, parts, to: out) : unsafe writeBlocks(row, index, parts, as: format, to: out)
    }
    return broken
  }

  /// The scales of a row, and what is subtracted or added.
  private struct Row {
    var scales: [Float]
    var zeros: [Float]
  }

  private func read(_ row: inout Row, _ index: Int, _ parts: [UnsafeRawPointer]) {
    for group in 0..<groups {
      let place = index * scales.rowStep + group * scales.groupStep
      row.scales[group] = unsafe scales.type.load(parts[1], place) / scales.divisor
      row.zeros[group] = unsafe zero(index, group, parts)
    }
  }

  private func zero(_ row: Int, _ group: Int, _ parts: [UnsafeRawPointer]) -> Float {
    switch zeros {
    case .same(let value): return Float(value)
    case .alongRows(let excess):
      let words = (rows * bits + 31) / 32
      let code = unsafe Self.code(row, bits, of: parts[2] + 4 * group * words, step: 1)
      return Float((code + excess) & (1 << bits - 1))
    case .alongColumns: return Float(unsafe Self.code(row, bits, of: parts[2] + 4 * group, step: groups))
    case .mixed: return Float(unsafe Self.mixedCode(row, of: parts[2] + 4 * group * (rows / 8)))
    case .bytes(let step): return Float(unsafe parts[2].load(fromByteOffset: row * step + group, as: Int8.self))
    case .offsets(let type): return unsafe type.load(parts[2], row * groups + group)
    }
  }

  /// A code of a stream of words that stand `step` words apart.
  private static func code(_ index: Int, _ bits: Int, of words: UnsafeRawPointer, step: Int) -> Int {
    let (word, shift) = (index * bits).quotientAndRemainder(dividingBy: 32)
    var value = unsafe words.loadUnaligned(fromByteOffset: 4 * word * step, as: UInt32.self) >> shift
    if shift + bits > 32 {
      value |= unsafe words.loadUnaligned(fromByteOffset: 4 * (word + 1) * step, as: UInt32.self) << (32 - shift)
    }
    return Int(value) & (1 << bits - 1)
  }

  /// The code of a row of a column, whose words begin at `words`.
  private static func mixedCode(_ row: Int, of words: UnsafeRawPointer) -> Int {
    let shift = (row % 8 / 2 + row % 2 * 4) * 4
    return Int(unsafe words.loadUnaligned(fromByteOffset: row / 8 * 4, as: UInt32.self) >> shift & 15)
  }

  /// Reads codes of one row: a block, or what the row has of it.
  private func readBlock(_ block: Int, ofRow row: Int, _ table: UnsafeRawPointer, into codes: inout [Int]) {
    let count = min(blockSize, columns - block * blockSize)
    if let columnOrder {
      for index in 0..<count {
        codes[index] = unsafe code(Int(columnOrder.indices[block * blockSize + index]), ofRow: row, table)
      }
      return
    }
    switch order {
    case .alongRows:
      let words = (columns * bits + 31) / 32
      unsafe readStream(table + 4 * (row * words + block * bits), step: 1, count, into: &codes)
    case .alongColumns:
      unsafe readStream(table + 4 * (block * bits * rows + row), step: rows, count, into: &codes)
    case .mixed:
      for index in 0..<count {
        codes[index] = unsafe Self.mixedCode(row, of: table + 4 * (block * blockSize + index) * (rows / 8))
      }
    case .bytes:
      let first = row * columns + block * blockSize
      for index in 0..<count { codes[index] = Int(unsafe table.load(fromByteOffset: first + index, as: Int8.self)) }
    }
  }

  /// The code of one column.
  private func code(_ column: Int, ofRow row: Int, _ table: UnsafeRawPointer) -> Int {
    switch order {
    case .alongRows: unsafe Self.code(column, bits, of: table + 4 * row * ((columns * bits + 31) / 32), step: 1)
    case .alongColumns: unsafe Self.code(column, bits, of: table + 4 * row, step: rows)
    case .mixed: unsafe Self.mixedCode(row, of: table + 4 * column * (rows / 8))
    case .bytes: Int(unsafe table.load(fromByteOffset: row * columns + column, as: Int8.self))
    }
  }

  private func readStream(_ words: UnsafeRawPointer, step: Int, _ count: Int, into codes: inout [Int]) {
    var (held, width, next) = (UInt64(0), 0, 0)
    let mask = UInt64(1) << bits - 1
    for index in 0..<count {
      if width < bits {
        held |= UInt64(unsafe words.loadUnaligned(fromByteOffset: 4 * next * step, as: UInt32.self)) << width
        width += 32
        next += 1
      }
      codes[index] = Int(held & mask)
      held >>= bits
      width -= bits
    }
  }

  private func writeHalves(
    _ row: Row, _ index: Int, _ parts: [UnsafeRawPointer], to target: UnsafeMutableRawPointer
  ) -> Int {
    var broken = 0
    var codes = [Int](repeating: 0, count: blockSize)
    var isOffset = false
    if case .offsets = zeros { isOffset = true }
    for first in stride(from: 0, to: columns, by: blockSize) {
      unsafe readBlock(first / blockSize, ofRow: index, parts[0], into: &codes)
      for column in first..<min(columns, first + blockSize) {
        var group = column / groupSize
        if hasOrder, let last = unsafe parts.last {
          // Who reads the tensor has seen that there are so many groups; the file may have become another.
          let stored = Int(unsafe last.loadUnaligned(fromByteOffset: 4 * column, as: Int32.self))
          group = max(0, min(groups - 1, stored))
        }
        let code = Float(codes[column - first])
        let (scale, zero) = (row.scales[group], row.zeros[group])
        let half = Float16(isOffset ? scale * code + zero : scale * (code - zero))
        if !half.isFinite { broken += 1 }
        unsafe target.storeBytes(of: half.bitPattern, toByteOffset: 2 * column, as: UInt16.self)
      }
    }
    return broken
  }

  private func writeBlocks(
    _ row: Row, _ index: Int, _ parts: [UnsafeRawPointer], as format: WeightFormat, to target: UnsafeMutableRawPointer
  ) -> Int {
    var broken = 0
    var codes = [Int](repeating: 0, count: blockSize)
    var out = unsafe target
    let hasOffset = format == .q4_1 || format == .q5_1 || format == .i8_1
    var isOffset = false
    if case .offsets = zeros { isOffset = true }
    var isSigned = false
    if case .bytes = order { isSigned = true }
    // The code of zero in the format.
    let centre = format == .q4_0 ? 8 : format == .q5_0 ? 16 : 0
    // The format's codes have a sign: unsigned ones of eight bits are more by this.
    let excess = format == .i8_1 && bits == 8 && !isSigned ? 128 : 0
    for block in 0..<columns / blockSize {
      let group = block * blockSize / groupSize
      unsafe readBlock(block, ofRow: index, parts[0], into: &codes)
      let scale = Float16(row.scales[group])
      if !scale.isFinite { broken += 1 }
      unsafe out.storeBytes(of: scale.bitPattern, as: UInt16.self)
      unsafe out += 2
      if hasOffset {
        let zero = row.zeros[group]
        let offset = Float16(Float(scale) * Float(excess) + (isOffset ? zero : -Float(scale) * zero))
        if !offset.isFinite { broken += 1 }
        unsafe out.storeBytes(of: offset.bitPattern, as: UInt16.self)
        unsafe out += 2
        if excess > 0 { for index in 0..<blockSize { codes[index] -= excess } }
      } else {
        let shift = centre - Int(row.zeros[group])
        for index in 0..<blockSize { codes[index] += shift }
      }
      unsafe writeCodes(codes, as: format, to: &out)
    }
    return broken
  }

  /// Writes the codes of a block behind its scale, and goes on to the next one.
  private func writeCodes(_ codes: [Int], as format: WeightFormat, to out: inout UnsafeMutableRawPointer) {
    if format == .q8_0 || format == .i8_1 {
      for index in 0..<blockSize {
        unsafe out.storeBytes(of: UInt8(truncatingIfNeeded: codes[index]), toByteOffset: index, as: UInt8.self)
      }
      unsafe out += blockSize
      return
    }
    if format == .q5_0 || format == .q5_1 {
      var high: UInt32 = 0
      for index in 0..<blockSize { high |= UInt32(truncatingIfNeeded: codes[index] >> 4 & 1) << index }
      unsafe out.storeBytes(of: high, as: UInt32.self)
      unsafe out += 4
    }
    for index in 0..<blockSize / 2 {
      let pair = codes[index] & 15 | (codes[index + blockSize / 2] & 15) << 4
      unsafe out.storeBytes(of: UInt8(truncatingIfNeeded: pair), toByteOffset: index, as: UInt8.self)
    }
    unsafe out += blockSize / 2
  }
}
