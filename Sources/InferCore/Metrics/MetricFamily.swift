/// Metrics of one name that differ in the values of some labels. A member is made when it is first asked for.
public final class MetricFamily<Metric: Sendable>: Sendable {
  let name: String
  let help: String
  let labels: [String]
  private let make: @Sendable () -> Metric
  private let members: Monitor<[[String]: Metric]>

  /// `known` are the values that are there from the start, so that rates over them begin at zero.
  init(_ name: String, _ help: String, labels: [String], known: [[String]], make: @escaping @Sendable () -> Metric) {
    self.name = name
    self.help = help
    self.labels = labels
    self.make = make
    var members: [[String]: Metric] = [:]
    for values in known { members[values] = make() }
    self.members = Monitor(members)
  }

  /// The member with these label values, one for each label. Rare or kept by the caller: it takes a lock.
  public func callAsFunction(_ values: String...) -> Metric {
    precondition(values.count == labels.count, "\(name) has the labels \(labels), not \(values.count) values")
    return members.withLock { members in
      if let member = members[values] { return member }
      let member = make()
      members[values] = member
      return member
    }
  }

  /// All members, in order of their label values.
  var sorted: [(values: [String], metric: Metric)] {
    members.withLock { $0.map { ($0.key, $0.value) } }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
  }
}
