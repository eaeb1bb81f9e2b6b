/// The hashes of the last tokens of a sequence, by which rows of a table are looked up (hashed n-gram embeddings: Qwen4-Exp, as
/// `Qwen4ExpTextNGramEmbedding` of Hugging Face transformers 5.24 has them).
///
/// Of every two last tokens, every three, and so on up to ``size``, some heads have a hash each: the exclusive or of each
/// token times its multiplier, modulo the head's number of rows. A token that ends texts hides those before it from those
/// behind: they count as this token, and so do those before a sequence's first.
package struct NGramHash: Sendable {
  /// All tokens are below this number, so that single precision has them.
  package static let tokenLimit = (1 << 24) - 1

  /// The largest number of tokens of a hash.
  package let size: Int
  /// The token that ends texts.
  package let end: Int32
  /// The factor on each of the last tokens, the last one first.
  package let multipliers: [UInt64]
  /// The number of rows of each head, heads of two tokens first.
  package let rows: [Int]
  /// The table's first row of each head.
  package let offsets: [Int]

  /// Hashes of up to `size` tokens.
  ///
  /// - Precondition: as many multipliers as tokens, and for two, three and so on equally many heads.
  package init(size: Int, end: Int32, multipliers: [UInt64], rows: [Int]) {
    precondition(size > 1 && multipliers.count == size, "\(multipliers.count) multipliers for \(size) tokens")
    precondition(rows.count % (size - 1) == 0 && rows.allSatisfy { $0 > 0 }, "\(rows.count) heads")
    self.size = size
    self.end = end
    self.multipliers = multipliers
    self.rows = rows
    var (offsets, next) = ([Int](), 0)
    for count in rows {
      offsets.append(next)
      next += count
    }
    self.offsets = offsets
  }

  /// The number of heads.
  package var heads: Int { rows.count }

  /// The number of rows of all heads.
  package var rowCount: Int { rows.reduce(0, +) }

  /// The row of a head.
  ///
  /// - Parameters:
  ///   - head: the head.
  ///   - tokens: the last tokens, the last one first.
  func row(of head: Int, _ tokens: UnsafePointer<Float>) -> Int {
    let count = head / (heads / (size - 1)) + 2
    var hash: UInt64 = 0
    for place in 0..<count {
      let token = unsafe tokens[place]
      // State that a damaged file gave back may be any number.
      hash ^= (token >= 0 && token < Float(Self.tokenLimit) ? UInt64(token) : 0) &* multipliers[place]
    }
    return offsets[head] + Int(hash % UInt64(rows[head]))
  }
}

/// Looks up the rows of every token's hashes, those of the heads side by side.
///
/// - Parameters:
///   - table: the rows of all heads, one head behind another.
///   - hash: the hashes.
///   - last: recurrent state of `size − 1` floats: the last tokens, the last one first, each plus one; 0 before the first. It
///     has to be kept exactly, and so be shorter than a block of states that are rounded.
///   - out: `[step rows × heads · columns of the table]`.
///   - step: the step.
/// - Precondition: tokens are below ``NGramHash/tokenLimit``.
package func gatherRows(
  of table: any RowTable, by hash: NGramHash, last: StateHandle, into out: inout MutableRows, _ step: borrowing Step
) {
  let (size, columns) = (hash.size, table.columns)
  precondition(size <= WeightFormat.q8_0.blockElements, "\(size) tokens")
  precondition(out.columns == hash.heads * columns && hash.rowCount <= table.rows, "\(out.columns) columns")
  step.checkRows(out.count)
  step.scoped {
    var tokens = step.take(rows: out.count, columns: 1)
    fill(&tokens, step)
    var windows = step.take(rows: out.count, columns: size)
    let end = Float(hash.end)
    recurrence(tokens.rows, state: last, into: &windows, step) { _, tokens, windows, last in
      for row in 0..<tokens.count {
        let token = tokens[row][0]
        var window = windows.row(row)
        window[0] = token
        var isHidden = false
        for place in 1..<size {
          isHidden = isHidden || last[place - 1] == 0 || last[place - 1] - 1 == end
          window[place] = isHidden ? end : last[place - 1] - 1
        }
        for place in stride(from: size - 2, to: 0, by: -1) { last[place] = last[place - 1] }
        last[0] = token + 1
      }
    }
    step.report.work.weightBytes += out.count * hash.heads * table.rowBytes
    unsafe forEachRow(out.count, step) { row in
      for head in 0..<hash.heads {
        unsafe table.unpackRow(
          hash.row(of: head, windows.base + row * windows.stride), into: out.base + row * out.stride + head * columns)
      }
    }
  }
}

/// Every row becomes its token.
private func fill(_ tokens: inout MutableRows, _ step: borrowing Step) {
  for (row, token) in step.plan.tokens.enumerated() {
    precondition((0..<NGramHash.tokenLimit).contains(Int(token)), "token \(token)")
    unsafe tokens.base[row * tokens.stride] = Float(token)
  }
}
