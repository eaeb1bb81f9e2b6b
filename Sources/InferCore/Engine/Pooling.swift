/// The way in which the hidden states of a prompt's tokens become one vector.
public enum Pooling: String, Sendable, CaseIterable {
  /// The mean of all.
  case mean
  /// That of the last token.
  case last
  /// That of the first token.
  case cls

  /// The positions of a prompt whose hidden states are used.
  func positions(of prompt: [Int32]) -> Range<Int> {
    switch self {
    case .mean: 0..<prompt.count
    case .last: max(0, prompt.count - 1)..<prompt.count
    case .cls: 0..<min(1, prompt.count)
    }
  }
}

/// The sum of the hidden states of a sequence so far.
struct PooledStates {
  private var sum: [Double] = []
  private var count = 0

  /// Adds the hidden state of a token.
  mutating func add(_ row: Span<Float>) {
    if sum.isEmpty { sum = Array(repeating: 0, count: row.count) }
    for column in row.indices { sum[column] += Double(row[column]) }
    count += 1
  }

  /// The mean of what was added; `nil` when it is no vector of numbers.
  var mean: [Float]? {
    let values = sum.map { Float($0 / Double(count)) }
    return values.allSatisfy(\.isFinite) ? values : nil
  }
}
