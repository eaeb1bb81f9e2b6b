import Foundation
import InferCore

/// The changes of a model's prefix cache that subscribers have not been told of.
///
/// The engine's thread leaves changes here and goes on; the publisher's thread takes them, all that there are in one
/// batch.
final class CacheEvents: Sendable {
  /// That nothing is there yet is the first event: whoever knows of an earlier server's blocks forgets them.
  private let changes = Monitor<[(change: BlockChange, adapters: [ModelAdapter])]>([(.cleared, [])])
  /// Of the publisher's thread.
  private let events = Monitor(BlockEvents())
  private let ring: @Sendable () -> Void
  private let publisherEnd: @Sendable () -> Void

  /// - Parameters:
  ///   - ring: Has a publisher ask for batches. Never waits.
  ///   - end: Has the publisher ask for the last ones, and ends it.
  init(ring: @escaping @Sendable () -> Void, end: @escaping @Sendable () -> Void) {
    self.ring = ring
    publisherEnd = end
  }

  /// Notes changes; the adapters are those of the model.
  func note(_ changes: [BlockChange], _ adapters: [ModelAdapter]) {
    self.changes.withLock { $0 += changes.map { ($0, adapters) } }
    ring()
  }

  /// The batch of all changes since the last one; `nil` when there are none.
  func next() -> [UInt8]? {
    let news = changes.withLock { changes in
      defer { changes = [] }
      return changes
    }
    guard !news.isEmpty else { return nil }
    return events.withLock { $0.batch(news, at: Date().timeIntervalSince1970) }
  }

  /// Tells that all is gone, as the server goes, and returns when it is told.
  func end() {
    note([.cleared], [])
    publisherEnd()
  }
}
