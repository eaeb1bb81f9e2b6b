import Synchronization

/// The memory of one encoding: buffers that are worth keeping, and pieces seen before.
///
/// `@unchecked Sendable`. Safe because a pool gives it to one user at a time.
final class EncoderScratch: @unchecked Sendable {
  let matcher = RegularExpression.Matcher()
  var queue = MergeQueue()
  var lattice: [UnigramModel.Node] = []
  var cache = WordCache()
  var pieces: [Range<Int>] = []
  var matches: [Range<Int>] = []
}

/// Scratch for encodings that run at the same time: as many as ever ran at once.
final class EncoderPool: Sendable {
  private let free = Mutex<[EncoderScratch]>([])

  /// Scratch that nobody else has until it is given back.
  func take() -> EncoderScratch { free.withLock { $0.popLast() } ?? EncoderScratch() }

  func give(_ scratch: EncoderScratch) { free.withLock { $0.append(scratch) } }
}
