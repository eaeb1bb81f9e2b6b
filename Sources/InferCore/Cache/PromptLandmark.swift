internal import InferText

/// A place in a prompt that others than the engine can name, by a hash of what the prompt was made of up to there.
///
/// The prefix cache tells which landmarks it has state for (``Engine/prefixDigest()``), so that a router that knows a
/// request, but neither tokenizer nor chat template, sees where it is best sent.
public struct PromptLandmark: Sendable, Hashable {
  /// The hash; 0 is none, and is never told.
  public var hash: UInt64
  /// The number of the prompt's first tokens up to there.
  public var tokens: Int

  /// A landmark after `tokens` tokens.
  public init(hash: UInt64, tokens: Int) {
    self.hash = hash
    self.tokens = tokens
  }
}

extension Array where Element == PromptLandmark {
  /// The hash of the first landmark at or behind a position, of those in ascending order; 0 where none comes. O(log n).
  func hash(atOrBehind position: Int) -> UInt64 {
    let index = firstIndexInOrder { $0.tokens >= position }
    return index < endIndex ? self[index].hash : 0
  }
}

/// The hashes of the landmarks whose prompts can go on from one kept state: the last few that came.
struct LandmarkHashes: Sendable {
  private var hashes = SIMD4<UInt64>()

  /// Adds a hash in front of the others. Returns `false` for none, and for one that is there.
  mutating func insert(_ hash: UInt64) -> Bool {
    guard hash != 0, !contains(hash) else { return false }
    hashes = SIMD4(hash, hashes[0], hashes[1], hashes[2])
    return true
  }

  private func contains(_ hash: UInt64) -> Bool {
    for lane in 0..<4 where hashes[lane] == hash { return true }
    return false
  }

  var isEmpty: Bool { hashes[0] == 0 }

  /// Calls `body` with each hash.
  func forEach(_ body: (UInt64) -> Void) {
    for lane in 0..<4 where hashes[lane] != 0 { body(hashes[lane]) }
  }
}

extension SequenceMemory {
  /// The landmarks of kept states: a prompt that has one of them finds state for so many tokens. The longest first. O(slots).
  var landmarks: [PromptLandmark] {
    var tokens: [UInt64: Int] = [:]
    states.forEachLandmark { hash, position in tokens[hash] = Swift.max(position, tokens[hash] ?? 0) }
    return tokens.map { PromptLandmark(hash: $0.key, tokens: $0.value) }
      .sorted { ($1.tokens, $0.hash) < ($0.tokens, $1.hash) }
  }

  /// A number that is another whenever ``landmarks`` are.
  var landmarkChanges: Int { states.landmarkChanges }
}
