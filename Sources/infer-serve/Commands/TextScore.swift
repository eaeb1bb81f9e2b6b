import Foundation

/// How well a model predicts a text: the sum of −ln p over its scored tokens.
struct TextScore {
  /// Scored tokens.
  private(set) var count = 0
  private var sum = 0.0
  private var squares = 0.0

  /// Adds a token of this log-probability.
  mutating func add(_ logProbability: Double) {
    count += 1
    sum -= logProbability
    squares += logProbability * logProbability
  }

  /// The mean of −ln p.
  var mean: Double { sum / Double(count) }

  /// exp of the mean: among how many equally likely tokens the model seems to choose.
  var perplexity: Double { exp(mean) }

  /// The perplexity's standard error, tokens taken as independent.
  var error: Double {
    guard count > 1 else { return 0 }
    let variance = max(0, squares / Double(count) - mean * mean)
    return perplexity * (variance / Double(count - 1)).squareRoot()
  }
}

/// How far a model's predictions are from those of a reference.
struct Divergence {
  /// Nats, of each scored token.
  private var values: [Double] = []
  private var equalTops = 0

  /// Adds a token: the divergence of its distributions, and whether their most likely tokens are the same.
  mutating func add(_ value: Double, sameTop: Bool) {
    values.append(value)
    if sameTop { equalTops += 1 }
  }

  var mean: Double { values.reduce(0, +) / Double(values.count) }

  /// The mean's standard error.
  var error: Double {
    guard values.count > 1 else { return 0 }
    let mean = mean
    let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1)
    return (variance / Double(values.count)).squareRoot()
  }

  /// The least value that no more than one in a hundred pass.
  var percentile99: Double {
    let sorted = values.sorted()
    return sorted[(sorted.count * 99 + 99) / 100 - 1]
  }

  var most: Double { values.max() ?? 0 }

  /// The share of tokens where both find the same token most likely.
  var sameTop: Double { Double(equalTops) / Double(values.count) }
}
