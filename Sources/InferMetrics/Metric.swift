internal import Synchronization

/// A number that only grows. May be read and changed by any thread.
public final class Counter: Sendable {
  private let total = Atomic<Int>(0)

  package init() {}

  /// The count so far.
  public var value: Int { total.load(ordering: .relaxed) }

  /// Adds `amount`, which must not be negative.
  public func increment(by amount: Int = 1) {
    precondition(amount >= 0, "a counter cannot count \(amount)")
    total.wrappingAdd(amount, ordering: .relaxed)
  }
}

/// A number that goes up and down. May be read and changed by any thread.
public final class Gauge: Sendable {
  /// The bit pattern, because there are no atomic floating-point numbers.
  private let bits = Atomic<UInt64>(0)

  package init() {}

  /// The present value.
  public var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

  /// Replaces the value.
  package func set(_ value: Double) { bits.store(value.bitPattern, ordering: .relaxed) }

  /// Adds to the value, which may go down.
  package func add(_ amount: Double) {
    var old = bits.load(ordering: .relaxed)
    while true {
      let new = (Double(bitPattern: old) + amount).bitPattern
      let (exchanged, found) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if exchanged { return }
      old = found
    }
  }
}

/// Counts of observed values up to each of a list of bounds. May be read and changed by any thread.
public final class Histogram: Sendable {
  /// Ascending upper bounds, inclusive; one more bucket takes what is above the last.
  public let bounds: [Double]
  private let counts: [Counter]
  private let total = Gauge()

  package init(bounds: [Double]) {
    precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds \(bounds) do not ascend")
    self.bounds = bounds
    counts = (0...bounds.count).map { _ in Counter() }
  }

  /// Counts a value. O(log bounds).
  package func observe(_ value: Double) {
    var range = 0..<bounds.count
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range = value <= bounds[middle] ? range.lowerBound..<middle : middle + 1..<range.upperBound
    }
    counts[range.lowerBound].increment()
    total.add(value)
  }

  /// Counts a duration in seconds.
  package func observe(_ duration: Duration) { observe(duration / .seconds(1)) }

  /// The sum of all values.
  public var sum: Double { total.value }

  /// The number of all values.
  public var count: Int { counts.reduce(0) { $0 + $1.value } }

  /// The number of values up to each of ``bounds``, and of all values at the end.
  public var cumulativeCounts: [Int] {
    var sum = 0
    return counts.map { count in
      sum += count.value
      return sum
    }
  }
}
