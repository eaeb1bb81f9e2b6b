extension Communicator {
  /// The numbers of the other ranks.
  package var others: [Int] { (0..<size).filter { $0 != rank } }

  /// Returns when all ranks have called it.
  ///
  /// - Throws: ``RankError`` that names a rank which has not, within `patience`.
  package func barrier(within patience: Duration?) throws(RankError) { _ = try gatherAll([], within: patience) }

  /// Gives all ranks the bytes of rank 0, and returns them.
  ///
  /// - Parameters:
  ///   - bytes: the bytes on rank 0; ignored on others.
  ///   - patience: the time that a rank waits for another; `nil` for as long as it takes.
  /// - Throws: ``RankError`` that names a rank.
  @discardableResult
  package func broadcast(_ bytes: [UInt8] = [], within patience: Duration?) throws(RankError) -> [UInt8] {
    guard rank == 0 else { return try exchange([], to: [], from: [0], within: patience)[0] }
    _ = try exchange(bytes, to: others, from: [], within: patience)
    return bytes
  }

  /// Gives all ranks the bytes of every rank, in order of ranks.
  ///
  /// - Throws: ``RankError`` that names a rank.
  package func gatherAll(_ bytes: [UInt8], within patience: Duration?) throws(RankError) -> [[UInt8]] {
    var all = try exchange(bytes, to: others, from: others, within: patience)
    all.insert(bytes, at: rank)
    return all
  }

  /// Sends bytes of any number to some ranks, and receives such from some, in their order.
  private func exchange(
    _ bytes: [UInt8], to targets: [Int], from sources: [Int], within patience: Duration?
  ) throws(RankError) -> [[UInt8]] {
    // Lengths are few bytes, which nobody has to wait for before they are sent.
    let lengths = try exchange(
      [bytes.count], to: targets, from: sources, sizes: sources.map { _ in 1 }, within: patience)
    for (source, length) in zip(sources, lengths) where !(0...Self.maxByteCount).contains(length) {
      throw .malformed(rank: source, reason: "a message of \(length) bytes")
    }
    let received = try exchange(bytes, to: targets, from: sources, sizes: lengths, within: patience)
    var start = 0
    return lengths.map { length in
      defer { start += length }
      return Array(received[start..<start + length])
    }
  }

  /// Sends elements to some ranks, and receives `sizes` of them from some, one behind another.
  private func exchange<Element: BitwiseCopyable & AdditiveArithmetic>(
    _ elements: [Element], to targets: [Int], from sources: [Int], sizes: [Int], within patience: Duration?
  ) throws(RankError) -> [Element] {
    var received = [Element](repeating: .zero, count: sizes.reduce(0, +))
    // The standard library's arrays pass on no typed errors with their bytes.
    let result: Result<Void, RankError> = unsafe elements.withUnsafeBytes { out in
      unsafe received.withUnsafeMutableBytes { place in
        var receiving: [IncomingMessage] = []
        var start = 0
        for (source, size) in zip(sources, sizes) {
          let end = start + size * MemoryLayout<Element>.stride
          unsafe receiving.append(
            IncomingMessage(from: source, UnsafeMutableRawBufferPointer(rebasing: place[start..<end])))
          start = end
        }
        let sending = targets.map { unsafe OutgoingMessage(to: $0, out) }
        do throws(RankError) {
          try exchange(sending: sending, receiving: receiving, within: patience)
          return .success(())
        } catch { return .failure(error) }
      }
    }
    try result.get()
    return received
  }

  /// The most bytes of a message that is no activation.
  private static var maxByteCount: Int { 1 << 30 }
}
