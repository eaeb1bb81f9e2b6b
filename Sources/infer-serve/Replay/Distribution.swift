/// What a quantity's measurements come to; everything is 0 where there are none, as in `vllm bench serve`.
struct Distribution: Sendable {
  private let sorted: [Double]
  let mean: Double
  /// The standard deviation of the measurements themselves.
  let deviation: Double

  init(_ values: [Double]) {
    sorted = values.sorted()
    let count = Double(max(1, values.count))
    let mean = values.reduce(0, +) / count
    self.mean = mean
    deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count).squareRoot()
  }

  var median: Double { percentile(50) }

  /// The value that `percent` of the measurements do not exceed, between neighbours by linear interpolation.
  func percentile(_ percent: Double) -> Double {
    guard let last = sorted.last else { return 0 }
    let position = percent / 100 * Double(sorted.count - 1)
    let index = Int(position)
    guard index + 1 < sorted.count else { return last }
    return sorted[index] + (sorted[index + 1] - sorted[index]) * (position - Double(index))
  }
}
