/// When requests arrive that no recording tells the times of: gamma-distributed intervals, as in `vllm bench serve`.
struct ArrivalProcess: Sendable {
  /// Requests a second; infinite for all at once.
  var rate = Double.infinity
  /// The shape of the distribution: 1 for a Poisson process, less for bursts, more for even intervals.
  var burstiness = 1.0
  var seed: UInt64 = 0

  /// Seconds after the start, ascending. The last is at `count / rate`: chance moves the requests, not their mean rate.
  func times(_ count: Int) -> [Double] {
    guard rate.isFinite, count > 0 else { return [Double](repeating: 0, count: count) }
    var random = SplitMix64(seed: seed, stream: 0x6172_7269)
    var time = 0.0
    let times = (0..<count).map { _ in
      time += random.gamma(shape: burstiness)
      return time
    }
    guard time > 0 else { return (1...count).map { Double($0) / rate } }
    let scale = Double(count) / rate / time
    return times.map { $0 * scale }
  }
}
