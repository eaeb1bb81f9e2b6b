@testable import InferCore

/// The distribution that vLLM's sampler draws from, in double precision, with a sort wherever one is thinkable.
enum PlainSampling {
  static func probabilities(
    _ logits: [Float], _ parameters: SamplingParameters, prompt: [Int32], answer: [Int32], forbidden: Set<Int32> = []
  ) -> [Double] {
    var values = logits.map(Double.init)
    for token in forbidden { values[Int(token)] = -.infinity }
    for (token, bias) in parameters.logitBias { values[Int(token)] += Double(bias) }
    for token in values.indices {
      let id = Int32(token)
      let count = Double(answer.count { $0 == id })
      if prompt.contains(id) || count > 0 {
        let penalty = Double(parameters.repetitionPenalty)
        values[token] = values[token] > 0 ? values[token] / penalty : values[token] * penalty
      }
      values[token] -= Double(parameters.frequencyPenalty) * count
      if count > 0 { values[token] -= Double(parameters.presencePenalty) }
    }
    var weights = softmax(values.map { $0 / Double(parameters.temperature) })
    if let most = weights.max() {
      weights = weights.map { $0 < Double(parameters.minP) * most ? 0 : $0 }
    }
    if parameters.topK > 0 { weights = keep(weights) { rank, _ in rank < parameters.topK } }
    let total = weights.reduce(0, +)
    weights = keep(weights) { _, before in before < Double(parameters.topP) * total }
    let rest = weights.reduce(0, +)
    return weights.map { $0 / rest }
  }

  static func softmax(_ values: [Double]) -> [Double] {
    let maximum = values.max() ?? 0
    let weights = values.map { exponential($0 - maximum) }
    let sum = weights.reduce(0, +)
    return weights.map { $0 / sum }
  }

  /// Keeps those of which `isKept` says so, given their place from the most likely and the sum before it.
  private static func keep(_ weights: [Double], _ isKept: (Int, Double) -> Bool) -> [Double] {
    var result = weights
    var sum = 0.0
    let order = weights.indices.sorted { (weights[$1], $0) < (weights[$0], $1) }
    for (rank, token) in order.enumerated() {
      if !isKept(rank, sum) { result[token] = 0 }
      sum += weights[token]
    }
    return result
  }
}
