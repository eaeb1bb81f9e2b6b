import Foundation

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
///
/// `@unchecked Sendable`. Safe because what is free is read and changed with the lock held only.
final class EncoderPool: @unchecked Sendable {
  private let lock = NSLock()
  private var free: [EncoderScratch] = []

  /// Scratch that nobody else has until it is given back.
  func take() -> EncoderScratch { lock.withLock { free.popLast() } ?? EncoderScratch() }

  func give(_ scratch: EncoderScratch) { lock.withLock { free.append(scratch) } }
}
