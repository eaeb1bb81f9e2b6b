import Testing

@testable import InferCore

@Suite struct ScratchTests {
  /// Where a piece of so many bytes begins; its ends are written to.
  private func take(_ count: Int, from scratch: Scratch) -> UInt {
    let piece = unsafe scratch.take(count, of: UInt8.self)
    unsafe piece[0] = 1
    unsafe piece[count - 1] = 2
    return UInt(bitPattern: piece)
  }

  /// Pieces larger than a chunk, and many that fill one.
  @Test func piecesDoNotOverlap() {
    let scratch = Scratch()
    let counts = [1, 100 << 20, 3, 200 << 20, 300 << 20, 17]
    let pieces = counts.map { count in
      let start = take(count, from: scratch)
      return start..<start + UInt(count)
    }
    #expect(pieces.allSatisfy { $0.lowerBound % 64 == 0 })
    let sorted = pieces.sorted { $0.lowerBound < $1.lowerBound }
    #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound <= $1.lowerBound })
  }

  /// Steps without rows of logits take none of them, and may do so first.
  @Test func nothingCanBeTaken() {
    let scratch = Scratch()
    let nothing = unsafe UInt(bitPattern: scratch.take(0, of: Float.self))
    #expect(nothing == take(1, from: scratch) && scratch.peakByteCount == 64)
  }

  @Test func aStepLikeTheOneBeforeUsesTheSameMemory() {
    let scratch = Scratch()
    func addresses() -> [UInt] {
      scratch.reset()
      return [200 << 20, 160 << 20, 5, 360 << 20].map { take($0, from: scratch) }
    }
    let first = addresses()
    let size = scratch.byteCount
    #expect(addresses() == first && scratch.byteCount == size)
  }

  @Test func whatIsReleasedIsTakenAgain() {
    let scratch = Scratch()
    let kept = take(40, from: scratch)
    let mark = scratch.mark
    let inner = take(40, from: scratch)
    _ = take(300 << 20, from: scratch)
    scratch.release(to: mark)
    #expect(take(1, from: scratch) == inner && inner >= kept + 40)
  }
}
