internal import CKernels

// Activations that ranks exchange in a step: sums over the ranks, and columns for the first one.

/// Replaces rows by the sum of all ranks' rows, which every rank gets with the same bits: numbers are added in the order of
/// ranks.
///
/// Few bytes go from every rank to all others at once, in one way through the network. Of many, each rank adds up a part
/// and tells the others, so that every rank sends and receives twice the bytes at most, however many ranks there are.
///
/// Without other ranks in the step, the rows stay as they are.
package func sumOverRanks(_ rows: inout MutableRows, _ step: borrowing Step) {
  if step.ranks != nil { sumOverRanks(&rows, directBytes: 1 << 15, step) }
}

/// As ``sumOverRanks(_:_:)``, directly up to a number of bytes.
///
/// - Precondition: the step has other ranks.
func sumOverRanks(_ rows: inout MutableRows, directBytes: Int, _ step: borrowing Step) {
  let ranks = step.requireRanks()
  let (count, columns) = (rows.count * rows.columns, rows.columns)
  guard count > 0 else { return }
  step.scoped {
    // The ranks' numbers one behind another, the own ones among them.
    let parts = unsafe step.scratch.take(ranks.size * count, of: Float.self)
    let own = unsafe parts + ranks.rank * count
    unsafe forEachRow(rows.count, step) { row in
      unsafe (own + row * columns).update(from: rows.base + row * rows.stride, count: columns)
    }
    // Two ranks send each other half of the numbers twice, or all of them once.
    let isDirect = ranks.size == 2 || count * MemoryLayout<Float>.stride <= directBytes
    if isDirect {
      let sending = ranks.others.map { unsafe OutgoingMessage(to: $0, bytes(own, count)) }
      let receiving = ranks.others.map { unsafe IncomingMessage(from: $0, bytes(parts + $0 * count, count)) }
      step.exchange(sending, receiving)
      unsafe add(parts, ranks: ranks.size, stride: count, count: count, step)
    } else {
      unsafe addInParts(parts, count: count, ranks, step)
    }
    unsafe forEachRow(rows.count, step) { row in
      unsafe (rows.base + row * rows.stride).update(from: parts + row * columns, count: columns)
    }
  }
}

/// Adds up a part on each rank. `parts` has the own numbers in their place, and in the first place the sum in the end.
@unsafe private func addInParts(
  _ parts: UnsafeMutablePointer<Float>, count: Int, _ ranks: any Communicator, _ step: borrowing Step
) {
  let ranges = (0..<ranks.size).map { ModelShare(rank: $0, of: ranks.size).range(of: count, by: 16) }
  let mine = ranges[ranks.rank]
  // Of my range, the ranks' numbers one behind another.
  let terms = unsafe step.scratch.take(ranks.size * mine.count, of: Float.self)
  let own = unsafe parts + ranks.rank * count
  unsafe (terms + ranks.rank * mine.count).update(from: own + mine.lowerBound, count: mine.count)
  step.exchange(
    ranks.others.map { unsafe OutgoingMessage(to: $0, bytes(own + ranges[$0].lowerBound, ranges[$0].count)) },
    ranks.others.map { unsafe IncomingMessage(from: $0, bytes(terms + $0 * mine.count, mine.count)) })
  unsafe add(terms, ranks: ranks.size, stride: mine.count, count: mine.count, step)
  step.exchange(
    ranks.others.map { unsafe OutgoingMessage(to: $0, bytes(terms, mine.count)) },
    ranks.others.map { unsafe IncomingMessage(from: $0, bytes(parts + ranges[$0].lowerBound, ranges[$0].count)) })
  unsafe (parts + mine.lowerBound).update(from: terms, count: mine.count)
}

/// Adds the numbers of further ranks to those of the first, in their order.
@unsafe private func add(
  _ parts: UnsafeMutablePointer<Float>, ranks: Int, stride: Int, count: Int, _ step: borrowing Step
) {
  let each = 4096
  unsafe step.team.forEach((count + each - 1) / each) { item, _ in
    let first = item * each
    for rank in 1..<ranks {
      unsafe ck_add_scaled(parts + first, parts + rank * stride + first, 1, min(each, count - first))
    }
  }
}

/// Gives rank 0 the columns that each rank has computed of `out`, by ranges that follow each other in order of ranks. Others'
/// `out` stays as it is.
///
/// - Precondition: the step has other ranks.
package func gatherColumns(
  _ part: Rows, into out: inout MutableRows, _ range: (_ rank: Int) -> Range<Int>, _ step: borrowing Step
) {
  let ranks = step.requireRanks()
  let rows = part.count
  precondition(part.columns == range(ranks.rank).count && out.count == rows, "\(part.columns) columns of a rank")
  guard rows > 0 else { return }
  step.scoped {
    guard ranks.rank == 0 else {
      let packed = unsafe step.scratch.take(rows * part.columns, of: Float.self)
      unsafe forEachRow(rows, step) { row in
        unsafe (packed + row * part.columns).update(from: part.base + row * part.stride, count: part.columns)
      }
      return step.exchange([unsafe OutgoingMessage(to: 0, bytes(packed, rows * part.columns))], [])
    }
    // The others' columns in their order, those of a rank as it sends them.
    let first = range(0).upperBound
    let packed = unsafe step.scratch.take(rows * (out.columns - first), of: Float.self)
    step.exchange(
      [],
      ranks.others.map { rank in
        let columns = range(rank)
        return unsafe IncomingMessage(
          from: rank, bytes(packed + rows * (columns.lowerBound - first), rows * columns.count))
      })
    unsafe forEachRow(rows, step) { row in
      let target = unsafe out.base + row * out.stride
      unsafe target.update(from: part.base + row * part.stride, count: part.columns)
      for rank in ranks.others {
        let columns = range(rank)
        unsafe (target + columns.lowerBound).update(
          from: packed + rows * (columns.lowerBound - first) + row * columns.count, count: columns.count)
      }
    }
  }
}

private func bytes(_ base: UnsafeMutablePointer<Float>, _ count: Int) -> UnsafeMutableRawBufferPointer {
  unsafe UnsafeMutableRawBufferPointer(start: base, count: count * MemoryLayout<Float>.stride)
}

private func bytes(_ base: UnsafeMutablePointer<Float>, _ count: Int) -> UnsafeRawBufferPointer {
  unsafe UnsafeRawBufferPointer(start: base, count: count * MemoryLayout<Float>.stride)
}

extension Step {
  /// The ranks that compute the step together.
  ///
  /// - Precondition: there are others: a part of a model alone computes nothing of use.
  fileprivate func requireRanks() -> any Communicator {
    guard let ranks else { preconditionFailure("a part of a model in a step without other ranks") }
    return ranks
  }

  /// Sends and receives activations. Where a rank is lost, so is the step, and all ranks end.
  fileprivate func exchange(_ sending: [OutgoingMessage], _ receiving: [IncomingMessage]) {
    let ranks = requireRanks()
    do { try ranks.exchange(sending: sending, receiving: receiving, within: ranks.patience) } catch {
      ranks.abort(error)
    }
  }
}
