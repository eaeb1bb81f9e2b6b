/// The network between ranks, as it was measured: the time in which all ranks exchange numbers with all others.
package struct RankLink: Sendable, Equatable {
  /// Seconds of an exchange of next to nothing.
  package let latency: Double
  /// The bytes a second that a rank sends, and receives at the same time.
  package let bandwidth: Double

  /// A network of these speeds.
  package init(latency: Double, bandwidth: Double) {
    self.latency = latency
    self.bandwidth = bandwidth
  }

  /// Seconds of an exchange of so many bytes from each rank to each other.
  package func seconds(bytes: Int, ranks: Int) -> Double { latency + Double(bytes * (ranks - 1)) / bandwidth }
}

extension Communicator {
  /// Measures the network between ranks, all of which have to call this at once. Takes some tenths of a second on a fast
  /// network.
  ///
  /// - Returns: the same on all ranks, as rank 0 has measured it.
  /// - Throws: ``RankError`` that names a rank.
  package func measureLink() throws(RankError) -> RankLink {
    // Medians: other work on the machines makes some exchanges slow.
    let small = try medianSeconds(bytes: 64, count: 101)
    let largeBytes = 1 << 22
    let large = try medianSeconds(bytes: largeBytes, count: 5)
    let bandwidth = Double(largeBytes * (size - 1)) / max(large - small, 1e-9)
    let told = try broadcast([small, bandwidth].map(\.bitPattern).littleEndianBytes, within: patience)
    guard told.count == 16 else { throw .malformed(rank: 0, reason: "the speed of the network") }
    let numbers = [UInt64](littleEndianBytes: told[...]).map(Double.init(bitPattern:))
    return RankLink(latency: numbers[0], bandwidth: numbers[1])
  }

  private func medianSeconds(bytes count: Int, count rounds: Int) throws(RankError) -> Double {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: count * size, alignment: 64)
    defer { unsafe buffer.deallocate() }
    unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0)
    let parts = unsafe (0..<size).map {
      unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[$0 * count..<($0 + 1) * count])
    }
    var times: [Double] = []
    for _ in 0..<rounds {
      let start = ContinuousClock.now
      try exchange(
        sending: others.map { unsafe OutgoingMessage(to: $0, UnsafeRawBufferPointer(parts[rank])) },
        receiving: others.map { unsafe IncomingMessage(from: $0, parts[$0]) }, within: patience)
      times.append((ContinuousClock.now - start).seconds)
    }
    return times.sorted()[rounds / 2]
  }
}

/// How fast ranks decode one sequence together, from what a token reads of weights and what ranks have to tell each other.
package struct RankForecast: Sendable, Equatable {
  /// Bytes of weights that a token reads, which are dealt out to the ranks.
  package let weightBytes: Int
  /// Sums over the ranks in a step.
  package let sums: Int
  /// The width of the residual stream, whose numbers are added up.
  package let width: Int

  /// A forecast for a model; see the properties.
  package init(weightBytes: Int, sums: Int, width: Int) {
    self.weightBytes = weightBytes
    self.sums = sums
    self.width = width
  }

  /// Seconds of a token where each rank reads `bandwidth` bytes a second from memory.
  package func seconds(ranks: Int, bandwidth: Double, link: RankLink) -> Double {
    let memory = Double(weightBytes) / Double(ranks) / bandwidth
    guard ranks > 1 else { return memory }
    return memory + Double(sums) * link.seconds(bytes: width * MemoryLayout<Float>.stride, ranks: ranks)
  }

  /// Seconds of a token where stages of layers compute one after another: weights are read as by one, and the stream goes from
  /// each to the next, and its end to the first.
  package func seconds(stages: Int, bandwidth: Double, link: RankLink) -> Double {
    let hop = link.seconds(bytes: width * MemoryLayout<Float>.stride, ranks: 2)
    return Double(weightBytes) / bandwidth + (stages > 1 ? Double(stages) * hop : 0)
  }
}
