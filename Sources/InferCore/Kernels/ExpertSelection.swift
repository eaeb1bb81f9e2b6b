internal import CKernels
internal import Glibc

/// The rule by which a router's logits become a choice of experts and their weights.
public struct ExpertSelection: Sendable {
  /// The function of the logits that weights are taken from.
  public enum Scoring: Sendable {
    /// Softmax over all experts (Hunyuan, Qwen3, Jamba).
    case softmax
    /// Softmax over the chosen experts only (Granite, Mixtral).
    case softmaxOfChosen
    /// Sigmoid of each expert's logit; a bias may take part in the choice, never in the weight (DeepSeek-V3, arXiv
    /// 2412.19437, eq. 12–16).
    case sigmoid
  }

  /// The number of experts, with those that pass their input on.
  public let expertCount: Int
  /// The number of experts that a row is sent to, with those that all are.
  public let topK: Int
  /// The function of the logits.
  public let scoring: Scoring
  /// Whether the chosen weights are divided by their sum.
  public let normalized: Bool
  /// The number added to the sum that the chosen weights are divided by.
  public let epsilon: Float
  /// The factor on the weights, after normalisation.
  public let scale: Float
  /// A bias on the scores for the choice alone, one value an expert.
  public var selectionBias: [Float]?
  /// The number of equal groups of experts, and the number of best groups that experts are chosen from. One group means
  /// no grouping.
  public let groups: (count: Int, kept: Int)
  /// The number of best scores that a group's score is the sum of: two in DeepSeek-V3, one in DeepSeek-V2.
  public let scoresOfGroup: Int
  /// The number of experts, the last ones, that pass their input on as it is (LongCat-Flash, arXiv 2509.01322, §2.1).
  public var passingCount = 0
  /// The number of experts, the last ones, that every row is sent to beside those that it chooses from the others. Their scores
  /// take part in the weights (Inkling).
  public var alwaysCount = 0
  /// For each expert a factor on its weight, after normalisation; `nil` for none.
  public var expertScales: [Float]?

  /// Creates a rule.
  ///
  /// - Precondition: `topK` experts exist within the kept groups.
  public init(
    expertCount: Int, topK: Int, scoring: Scoring, normalized: Bool = false, epsilon: Float = 1e-20,
    scale: Float = 1, selectionBias: [Float]? = nil, groups: (count: Int, kept: Int) = (1, 1), scoresOfGroup: Int = 2
  ) {
    precondition(expertCount % groups.count == 0 && groups.kept <= groups.count, "\(expertCount) in \(groups)")
    precondition(
      topK >= 1 && topK <= expertCount / groups.count * groups.kept, "top \(topK) of \(expertCount) in \(groups)")
    precondition((1...2).contains(scoresOfGroup), "\(scoresOfGroup) scores of a group")
    precondition(selectionBias.map { $0.count == expertCount } ?? true, "\(selectionBias?.count ?? 0) biases")
    self.expertCount = expertCount
    self.topK = topK
    self.scoring = scoring
    self.normalized = normalized
    self.epsilon = epsilon
    self.scale = scale
    self.selectionBias = selectionBias
    self.groups = groups
    self.scoresOfGroup = scoresOfGroup
  }

  /// The number of floats of workspace that ``select(logits:experts:weights:workspace:)`` needs.
  var workspaceCount: Int { expertCount + groups.count }

  /// Chooses ``topK`` experts of one row, best first; of equal ones the lower index. `logits` become scores.
  func select(
    logits: UnsafeMutablePointer<Float>, experts: UnsafeMutablePointer<Int32>, weights: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>
  ) {
    switch scoring {
    case .softmax: unsafe ck_softmax(logits, expertCount)
    case .softmaxOfChosen: break
    case .sigmoid: for expert in 0..<expertCount { unsafe logits[expert] = 1 / (1 + expf(-logits[expert])) }
    }
    let choice = unsafe workspace
    for expert in 0..<expertCount { unsafe choice[expert] = logits[expert] + (selectionBias?[expert] ?? 0) }
    if groups.kept < groups.count { unsafe dropGroups(choice, scores: workspace + expertCount) }
    let (choosing, open) = (topK - alwaysCount, expertCount - alwaysCount)
    for index in 0..<choosing {
      let best = unsafe argmax(choice, open)
      unsafe experts[index] = Int32(best)
      unsafe weights[index] = logits[best]
      // Not −∞, which others may have: no expert is chosen twice while another is left.
      unsafe choice[best] = .nan
    }
    for index in 0..<alwaysCount {
      unsafe experts[choosing + index] = Int32(open + index)
      unsafe weights[choosing + index] = logits[open + index]
    }
    if scoring == .softmaxOfChosen { unsafe ck_softmax(weights, topK) }
    var factor = scale
    if normalized {
      var sum = epsilon
      for index in 0..<topK { sum += unsafe weights[index] }
      factor /= sum
    }
    for index in 0..<topK { unsafe weights[index] *= factor * (expertScales?[Int(experts[index])] ?? 1) }
  }

  private func dropGroups(_ choice: UnsafeMutablePointer<Float>, scores: UnsafeMutablePointer<Float>) {
    let size = expertCount / groups.count
    for group in 0..<groups.count {
      var (first, second) = (-Float.infinity, -Float.infinity)
      for expert in group * size..<(group + 1) * size {
        let value = unsafe choice[expert]
        if value > first { (first, second) = (value, first) } else if value > second { second = value }
      }
      unsafe scores[group] = scoresOfGroup == 2 && size > 1 ? first + second : first
    }
    // Mark the kept groups with NaN, then drop the others.
    for _ in 0..<groups.kept { unsafe scores[argmax(scores, groups.count)] = .nan }
    for group in 0..<groups.count where unsafe !scores[group].isNaN {
      for expert in group * size..<(group + 1) * size { unsafe choice[expert] = -Float.infinity }
    }
  }

  /// The index of the largest value, the lowest of equals; NaN counts as smaller than anything.
  private func argmax(_ values: UnsafePointer<Float>, _ count: Int) -> Int {
    var best = 0
    for index in 1..<max(1, count) {
      if unsafe values[index] > values[best] || (values[best].isNaN && !values[index].isNaN) { best = index }
    }
    return best
  }
}
