import DequeModule
import InferMetrics

/// The distribution of what a histogram has counted lately, between its bounds.
struct RecentDistribution: Sendable {
  private let histogram: Histogram
  /// The histogram's cumulative counts, one reading a sample, the oldest first.
  private var readings: Deque<[Int]> = []
  private let window: Int

  /// The distribution over the last `window` samples.
  init(_ histogram: Histogram, window: Int) {
    self.histogram = histogram
    self.window = window
  }

  /// Reads the histogram.
  mutating func sample() {
    readings.append(histogram.cumulativeCounts)
    if readings.count > window + 1 { readings.removeFirst() }
  }

  /// The value that a fraction of those counted is not above, as if they lay evenly between the bounds around it; the last
  /// bound where it is above all of them, `nil` where none was counted.
  func quantile(_ fraction: Double) -> Double? {
    guard let first = readings.first, let last = readings.last, let all = last.last, all > (first.last ?? 0) else {
      return nil
    }
    let counts = zip(last, first).map { $0 - $1 }
    let rank = fraction * Double(all - (first.last ?? 0))
    guard let index = counts.firstIndex(where: { Double($0) >= rank }), index < histogram.bounds.count else {
      return histogram.bounds.last
    }
    let lower = index > 0 ? histogram.bounds[index - 1] : 0
    let below = index > 0 ? counts[index - 1] : 0
    let share = counts[index] > below ? (rank - Double(below)) / Double(counts[index] - below) : 1
    return lower + (histogram.bounds[index] - lower) * share
  }
}
