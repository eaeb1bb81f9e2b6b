/// Measurements of one quantity, and what they come to.
struct Samples {
  /// In order of measurement.
  let values: [Double]
  private let sorted: [Double]

  /// - Precondition: there is at least one value.
  init(_ values: [Double]) {
    precondition(!values.isEmpty, "no measurements")
    self.values = values
    sorted = values.sorted()
  }

  var least: Double { sorted[0] }
  var most: Double { sorted[sorted.count - 1] }
  var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// The middle value, or the mean of the two in the middle.
  var median: Double { (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2 }

  /// The sample's standard deviation; 0 for a single value.
  var deviation: Double {
    guard values.count > 1 else { return 0 }
    let mean = mean
    return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)).squareRoot()
  }
}
