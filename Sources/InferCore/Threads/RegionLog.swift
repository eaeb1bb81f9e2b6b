internal import CKernels

/// The times of the items of each region that a team of one thread works through, and of what is between regions: what a
/// larger team would have to share out.
package final class RegionLog: @unchecked Sendable {
  // Safe because the one thread of its team writes it, and whoever reads it does so after that.

  /// A region.
  package struct Region: Sendable {
    /// Nanoseconds from the end of the region before to its beginning, in which its caller works alone; 0 for the first.
    package var gap: Int
    /// Nanoseconds of each item.
    package var items: [Int]
  }

  /// The regions, in order.
  package private(set) var regions: [Region] = []
  private var end: ContinuousClock.Instant?

  /// An empty log.
  package init() {}

  /// Forgets what was noted.
  package func removeAll() {
    regions.removeAll()
    end = nil
  }

  /// Works through the items of a region, and notes their times.
  @unsafe func run(_ items: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
    var before = ContinuousClock.now
    var region = Region(gap: end.map { Self.nanoseconds(before - $0) } ?? 0, items: [])
    region.items.reserveCapacity(items)
    for item in 0..<items {
      body(item, 0)
      let now = ContinuousClock.now
      region.items.append(Self.nanoseconds(now - before))
      before = now
    }
    regions.append(region)
    end = .now
  }

  private static func nanoseconds(_ duration: Duration) -> Int { Int(duration / .nanoseconds(1)) }
}
