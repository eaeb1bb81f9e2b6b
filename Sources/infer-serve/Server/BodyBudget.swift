import InferCore

/// Bytes of request bodies that are held at the same time, counted as they come.
final class BodyBudget: Sendable {
  /// Bytes of one body that always have room, so that large bodies keep no small ones out.
  static let exemptBytes = 64 << 10

  private let limit: Int
  private let used = Monitor(0)

  /// A budget of `limit` bytes.
  init(limit: Int) { self.limit = limit }

  /// Bytes that are held beyond what always has room.
  var usedBytes: Int { used.withLock { $0 } }

  /// A share for one body, which is given back when the share is dropped.
  func open() -> Share { Share(self) }

  /// One body's share of a ``BodyBudget``.
  final class Share: Sendable {
    private let budget: BodyBudget
    private let bytes = Monitor(0)

    fileprivate init(_ budget: BodyBudget) { self.budget = budget }

    /// Counts more bytes of the body.
    func grow(by count: Int) throws(APIError) {
      let more = bytes.withLock { bytes in
        let before = max(0, bytes - BodyBudget.exemptBytes)
        bytes += count
        return max(0, bytes - BodyBudget.exemptBytes) - before
      }
      let hasRoom = budget.used.withLock { used in
        used += more
        return used <= budget.limit
      }
      if !hasRoom { throw .tooManyBodies }
    }

    deinit {
      let count = bytes.withLock { max(0, $0 - BodyBudget.exemptBytes) }
      budget.used.withLock { $0 -= count }
    }
  }
}
