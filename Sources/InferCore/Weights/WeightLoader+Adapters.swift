internal import InferText

extension WeightLoader {
  /// Adds to the products of matrices what adapters add to the tensor that they are read from.
  ///
  /// - Parameters:
  ///   - matrices: the matrices.
  ///   - read: the tensor.
  ///   - parts: for each matrix, the ranges of the tensor's rows that it is made of.
  ///   - range: the columns of all of them.
  /// - Throws: ``ModelError/outOfMemory(_:)``; ``ModelError/cancelled``.
  func adapt(
    _ matrices: inout [PackedMatrix], of read: ReadTensor, parts: [[Range<Int>]], within range: Range<Int>
  ) throws(ModelError) {
    guard read.isInPlace, adapters.contains(where: { $0[read.stored.name] != nil }) else { return }
    account.withLock { _ = $0.adapted.insert(ExactText(read.stored.name)) }
    guard reads(read) else { return }
    var updates: [[LowRankUpdates.Update?]] = Array(repeating: [], count: matrices.count)
    for adapter in adapters {
      guard let pair = adapter[read.stored.name], !range.isEmpty else {
        for index in updates.indices { updates[index].append(nil) }
        continue
      }
      let down = try packed([Matrix(rows: pair.rank, columns: range.count, values: pair.down(range))])
      for (index, ranges) in parts.enumerated() {
        let up = pair.up(ranges)
        // A rank may have none of a part.
        guard !up.isEmpty else {
          updates[index].append(nil)
          continue
        }
        let matrix = Matrix(rows: up.count / pair.rank, columns: pair.rank, values: up)
        updates[index].append(LowRankUpdates.Update(down: down, up: try packed([matrix])))
      }
    }
    for index in matrices.indices { matrices[index].updates = LowRankUpdates(updates[index]) }
  }

  private func packed(_ matrices: [Matrix]) throws(ModelError) -> PackedMatrix {
    try PackedMatrix.pack(matrices, in: arena, team: team, isCancelled: isCancelled)[0]
  }

  /// The names of tensors that an adapter is to add to, and that nobody has read so that it could; sorted.
  func unadapted(_ adapter: Int) -> [String] {
    let adapted = account.withLock { $0.adapted }
    return adapters[adapter].keys.filter { !adapted.contains(ExactText($0)) }.sorted()
  }
}

extension LowRankPair {
  /// Some columns of `A`, row-major.
  fileprivate func down(_ range: Range<Int>) -> [Float] {
    range == 0..<columns
      ? down : (0..<rank).flatMap { down[$0 * columns + range.lowerBound..<$0 * columns + range.upperBound] }
  }

  /// Some rows of `B`, one range behind another.
  fileprivate func up(_ ranges: [Range<Int>]) -> [Float] {
    ranges == [0..<rows] ? up : ranges.flatMap { up[$0.lowerBound * rank..<$0.upperBound * rank] }
  }
}
