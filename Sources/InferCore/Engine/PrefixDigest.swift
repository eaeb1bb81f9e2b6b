/// The landmarks of requests that a prefix cache has state for.
public struct PrefixDigest: Sendable, Equatable {
  /// A number of the engine's own, by which digests of another one are told apart.
  public let instance: UInt64
  /// The number of changes before it: of two digests of one engine with the same number, the landmarks are the same.
  public let sequence: Int
  /// A prompt that has one of these landmarks finds state for so many tokens. Those of the most tokens first.
  public let landmarks: [PromptLandmark]
}

/// Those who follow the changes of a prefix cache's landmarks.
package final class PrefixFollowers: Sendable {
  private struct Contents {
    var sequence = 0
    var followers: [AsyncStream<Void>.Continuation] = []
    var isOver = false
  }

  /// A follower's notices that there was a change; they end when there will be no more.
  package struct Follower: Sendable {
    package let notices: AsyncStream<Void>
    fileprivate let continuation: AsyncStream<Void>.Continuation

    /// Ends the notices.
    package func end() { continuation.finish() }
  }

  /// A number by which the engine is told apart from others.
  let instance = UInt64.random(in: .min ... .max)
  private let contents = Monitor(Contents())

  /// Notes the number of changes so far.
  func note(_ sequence: Int) {
    contents.withLock { contents in
      guard sequence != contents.sequence else { return }
      contents.sequence = sequence
      // Those that are gone have ended their notices.
      contents.followers.removeAll { if case .terminated = $0.yield() { true } else { false } }
    }
  }

  /// There will be no other changes that anybody needs to know of.
  func end() {
    let followers = contents.withLock { contents in
      contents.isOver = true
      defer { contents.followers = [] }
      return contents.followers
    }
    for follower in followers { follower.finish() }
  }

  /// Follows the changes; the first notice comes at once.
  func follow() -> Follower {
    let (notices, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let isOver = contents.withLock { contents in
      if !contents.isOver { contents.followers.append(continuation) }
      return contents.isOver
    }
    if isOver { continuation.finish() } else { continuation.yield() }
    return Follower(notices: notices, continuation: continuation)
  }
}
