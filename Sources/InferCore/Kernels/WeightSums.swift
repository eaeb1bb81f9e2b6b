internal import CKernels

/// The sums of a row of weights, block by block, with which a draw need not add up the whole row.
///
/// Whatever changes the row passes here, so that the sums are always those of the row.
struct WeightSums {
  /// The sums, each of `CK_ROW_BLOCK` weights. Memory is kept from row to row.
  private var blocks: [Double] = []

  /// The sum of all weights.
  var total: Double { blocks.reduce(0, +) }

  /// Turns logits into weights: replaces each by exp((value − maximum) · scale).
  mutating func weigh(_ row: inout MutableSpan<Float>, maximum: Float, scale: Float) {
    makeRoom(for: row.count)
    unsafe blocks.withUnsafeMutableBufferPointer { sums in
      unsafe row.withUnsafeMutableBufferPointer {
        unsafe ck_row_weigh($0.baseAddress, $0.count, maximum, scale, sums.baseAddress)
      }
    }
  }

  /// Sets the weights below `least` to 0, and those equal to it behind index `last`.
  mutating func cut(_ row: inout MutableSpan<Float>, below least: Float, behind last: Int = .max) {
    makeRoom(for: row.count)
    unsafe blocks.withUnsafeMutableBufferPointer { sums in
      unsafe row.withUnsafeMutableBufferPointer {
        unsafe ck_row_cut($0.baseAddress, $0.count, least, last, sums.baseAddress)
      }
    }
  }

  /// The index in which `fraction` of the sum falls, in order of indices; `nil` where all weights are 0. Rounding that
  /// moves weights a little moves the limits between indices a little, and no more.
  func index(at fraction: Double, of row: Span<Float>) -> Int? {
    let target = fraction * total
    var (before, sum) = (0.0, 0.0)
    var last: Int?
    for block in blocks.indices where blocks[block] > 0 {
      (last, before) = (block, sum)
      sum += blocks[block]
      if sum > target { break }
    }
    guard let block = last else { return nil }
    sum = before
    var index: Int?
    for i in block * Int(CK_ROW_BLOCK)..<min((block + 1) * Int(CK_ROW_BLOCK), row.count) where row[i] > 0 {
      sum += Double(row[i])
      index = i
      if sum > target { break }
    }
    return index
  }

  private mutating func makeRoom(for count: Int) {
    let needed = (count + Int(CK_ROW_BLOCK) - 1) / Int(CK_ROW_BLOCK)
    guard blocks.count != needed else { return }
    blocks = Array(repeating: 0, count: needed)
  }
}
