internal import Foundation

/// Metrics of one name that differ in the values of some labels. A member is made when it is first asked for.
public final class MetricFamily<Metric: Sendable>: @unchecked Sendable {
  // Safe because members are read and changed with the lock held only.
  /// The name in the Prometheus text.
  public let name: String
  /// The line of help in the Prometheus text.
  public let help: String
  /// Names of the labels that tell members apart.
  public let labels: [String]
  private let make: @Sendable () -> Metric
  private let lock = NSLock()
  private var byValues: [[String]: Metric]

  /// `known` are the values that are there from the start, so that rates over them begin at zero.
  package init(
    _ name: String, _ help: String, labels: [String], known: [[String]], make: @escaping @Sendable () -> Metric
  ) {
    self.name = name
    self.help = help
    self.labels = labels
    self.make = make
    var members: [[String]: Metric] = [:]
    for values in known { members[values] = make() }
    byValues = members
  }

  /// The member with these label values, one for each label. Takes a lock: callers that need a member often keep it.
  public func callAsFunction(_ values: String...) -> Metric {
    precondition(values.count == labels.count, "\(name) has the labels \(labels), not \(values.count) values")
    return lock.withLock {
      if let member = byValues[values] { return member }
      let member = make()
      byValues[values] = member
      return member
    }
  }

  /// All members with their values of ``labels``, in order of these.
  public var members: [(values: [String], metric: Metric)] {
    lock.withLock { byValues.map { ($0.key, $0.value) } }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
  }
}
