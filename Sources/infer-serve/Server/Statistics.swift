import Foundation
import InferCore
import InferMetrics
import InferText

/// Readings of a model's metrics, one a second: those of the last hour, in memory of bounded size, and notices of those that
/// come. Counts are since the start, so that readings between two may be left out.
final class Statistics: Sendable {
  /// The number of readings that are kept.
  static let capacity = 3600
  /// Readings over which latencies are told.
  static let window = 30

  private struct State {
    /// The readings one after another, with room for all; the one of number `n` stands at `n % capacity`. Empty before the
    /// first.
    var values: [Double] = []
    /// The number of all readings that were ever made.
    var count = 0
    var firstToken: RecentDistribution
    var interToken: RecentDistribution
    var followers: [AsyncStream<Void>.Continuation] = []
    var isOver = false
  }

  /// A follower's notices that there is more; they end when there will be no more.
  struct Follower: Sendable {
    let notices: AsyncStream<Void>
    fileprivate let continuation: AsyncStream<Void>.Continuation

    /// Ends the notices.
    func end() { continuation.finish() }
  }

  private static let fractions = [0.5, 0.95, 0.99]

  /// The names of a reading's values: its time in seconds since 1970, counts and gauges, and percentiles in seconds, which
  /// are missing where there was nothing in the last ``window`` readings.
  let names: [String]
  private let metrics: EngineMetrics
  private let columns: [StatisticsColumn]
  private let state: Monitor<State>

  /// No readings so far.
  init(_ metrics: EngineMetrics) {
    self.metrics = metrics
    columns = StatisticsColumn.all(of: metrics)
    let percentiles = ["first_token", "inter_token"].flatMap { name in
      Self.fractions.map { "\(name).p\(Int($0 * 100))" }
    }
    names = ["time"] + columns.map(\.name) + percentiles
    state = Monitor(
      State(
        firstToken: RecentDistribution(metrics.timeToFirstToken, window: Self.window),
        interToken: RecentDistribution(metrics.interTokenLatency, window: Self.window)))
  }

  /// The number of all readings that were ever made.
  var count: Int { state.withLock { $0.count } }

  /// Makes a reading.
  func sample(at date: Date = Date()) {
    let read = columns.map { $0.read() }
    state.withLock { state in
      state.firstToken.sample()
      state.interToken.sample()
      let quantiles = [state.firstToken, state.interToken].flatMap { distribution in
        Self.fractions.map { distribution.quantile($0) ?? .nan }
      }
      let reading = [date.timeIntervalSince1970.rounded()] + read + quantiles
      // All at once, so that a server at work takes no more memory after an hour than after a minute.
      if state.values.isEmpty { state.values = Array(repeating: .nan, count: Self.capacity * names.count) }
      let start = state.count % Self.capacity * names.count
      state.values.replaceSubrange(start..<start + names.count, with: reading)
      state.count += 1
      // Those that are gone have ended their notices.
      state.followers.removeAll { if case .terminated = $0.yield() { true } else { false } }
    }
  }

  /// There will be no other readings.
  func end() {
    let followers = state.withLock { state in
      state.isOver = true
      return state.followers
    }
    for follower in followers { follower.finish() }
  }

  /// The readings from a number on, as far as they are kept, as rows of ``names``. Of those before the last five minutes
  /// each fifth stands for all.
  func rows(from start: Int) -> [JSONValue] {
    let (values, count) = state.withLock { ($0.values, $0.count) }
    let width = names.count
    return (max(start, count - Self.capacity)..<max(start, count)).compactMap { number in
      guard number >= count - 300 || number.isMultiple(of: 5) else { return nil }
      let at = number % Self.capacity * width
      return .array(values[at..<at + width].map(Self.json))
    }
  }

  /// Rows that each expert has computed, by the number of its layer.
  var experts: JSONValue {
    var layers: [Int: [Int]] = [:]
    for (values, counter) in metrics.expertRows.members {
      guard let layer = Int(values[0]), let expert = Int(values[1]) else { continue }
      var rows = layers[layer] ?? []
      while rows.count <= expert { rows.append(0) }
      rows[expert] = counter.value
      layers[layer] = rows
    }
    return .array(
      layers.sorted { $0.key < $1.key }.map { layer, rows in
        ["layer": .integer(layer), "rows": .array(rows.map(JSONValue.integer))]
      })
  }

  private static func json(_ value: Double) -> JSONValue {
    if value.isNaN { return .null }
    return value == value.rounded() && abs(value) < 0x1p53
      ? .integer(Int(value)) : .number((value * 1e6).rounded() / 1e6)
  }

  /// Follows the readings.
  func follow() -> Follower {
    let (notices, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let isOver = state.withLock { state in
      if !state.isOver { state.followers.append(continuation) }
      return state.isOver
    }
    if isOver { continuation.finish() } else { continuation.yield() }
    return Follower(notices: notices, continuation: continuation)
  }
}
