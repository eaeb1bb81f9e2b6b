import Foundation

extension Plain {
  /// A router's rule, as the models' reports write it.
  public struct Routing {
    /// What a logit becomes.
    public enum Scoring: Sendable, CaseIterable { case softmax, softmaxOfChosen, sigmoid }

    /// See ``Scoring-swift.enum``.
    public var scoring = Scoring.softmax
    /// Experts a row is sent to.
    public var topK = 1
    /// Whether weights are divided by their sum.
    public var normalized = false
    /// Factor on the weights.
    public var scale: Float = 1
    /// Takes part in the choice, not in the weight.
    public var bias: [Float]?
    /// Equal groups of experts, and how many of them may be chosen from.
    public var groups = (count: 1, kept: 1)
    /// How many of its best scores make a group's.
    public var scoresOfGroup = 2

    /// The best expert by softmax.
    public init() {}
  }

  /// The chosen experts, best first, and their weights.
  public static func choose(_ logits: [Float], _ rule: Routing) -> [(expert: Int, weight: Double)] {
    let values = logits.map(Double.init)
    let scores =
      switch rule.scoring {
      case .softmax: softmax(values)
      case .softmaxOfChosen: values
      case .sigmoid: values.map { 1 / (1 + exp(-$0)) }
      }
    let ranked = scores.indices.map { scores[$0] + Double(rule.bias?[$0] ?? 0) }
    let size = logits.count / rule.groups.count
    let groupScores = (0..<rule.groups.count).map { group in
      ranked[group * size..<(group + 1) * size].sorted(by: >).prefix(rule.scoresOfGroup).reduce(0, +)
    }
    let kept = groupScores.indices.sorted { (groupScores[$1], $0) < (groupScores[$0], $1) }.prefix(rule.groups.kept)
    let allowed = scores.indices.filter { kept.contains($0 / size) }
    let chosen = allowed.sorted { (ranked[$1], $0) < (ranked[$0], $1) }.prefix(rule.topK)
    var weights = chosen.map { scores[$0] }
    if rule.scoring == .softmaxOfChosen { weights = softmax(weights) }
    if rule.normalized {
      let sum = weights.reduce(0, +)
      weights = weights.map { $0 / sum }
    }
    return zip(chosen, weights).map { ($0, $1 * Double(rule.scale)) }
  }

  /// One expert: two maps with an activation between them, which the second may see rounded to eight bits. `first` is
  /// `[gate, up]` or `[up]`.
  public static func expert(
    _ x: [Float], first: [[[Float]]], second: [[Float]], roundsHidden: Bool = false
  ) -> [Double] {
    let inner = first.map { matrix in matrix.map { dot($0, x) } }
    let hidden =
      inner.count == 2
      ? zip(inner[0], inner[1]).map { silu($0) * $1 } : inner[0].map { max($0, 0) * max($0, 0) }
    let seen = roundsHidden ? roundedToEightBits(hidden.map(Float.init)).map(Double.init) : hidden
    return second.map { row in zip(row, seen).reduce(0) { $0 + Double($1.0) * $1.1 } }
  }
}
