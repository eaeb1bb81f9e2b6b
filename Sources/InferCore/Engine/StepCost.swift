/// The time of a step as it was measured: of its sequences that decode, and of the prompt rows beside them, each as a
/// fixed part, a part for each row and a part for each token that a row attends to.
///
/// The parts are fitted to the steps before, the latest weighing most. Prompt rows have coefficients of their own because
/// the first rows of a step wait for memory and further ones for arithmetic.
struct StepCost {
  /// Rows of a step, and what they have to look at.
  struct Work: Equatable {
    var rows = 0
    /// The number of pairs of a row and a token that it attends to.
    var attended = 0.0

    /// The work of `rows` rows of one sequence from `position` on.
    init(rows: Int = 0, position: Int = 0) { add(rows: rows, position: position) }

    /// Adds `rows` rows of one sequence from `position` on.
    mutating func add(rows count: Int, position: Int) {
      rows += count
      attended += Double(count) * Double(position) + 0.5 * Double(count) * Double(count + 1)
    }
  }

  private var decoding = LinearCost(memory: 64)
  private var prompts = LinearCost(memory: 16)

  /// `true` once a step with prompt rows was measured.
  var isKnown: Bool { prompts.isKnown }

  /// The expected seconds of a step that computes one row, which are those of reading the weights.
  var leastSeconds: Double { (decoding.isKnown ? decoding : prompts).seconds(of: Work(rows: 1)) }

  /// The seconds that are left for prompt rows in a step of `total` seconds, beside what any such step takes.
  func secondsForPrompts(in total: Double, decoding: Work) -> Double {
    total - self.decoding.seconds(of: decoding) - prompts.seconds(of: Work())
  }

  /// The expected seconds of a sequence's prompt rows in a step that has others already.
  func seconds(ofFurther rows: Int, position: Int) -> Double {
    prompts.variableSeconds(of: Work(rows: rows, position: position))
  }

  /// The number of a sequence's next rows, at most `limit`, that are expected to take no more than so many seconds.
  func rows(within seconds: Double, position: Int, limit: Int) -> Int {
    var (fits, beyond) = (0, limit + 1)
    while beyond - fits > 1 {
      let middle = (fits + beyond) / 2
      if self.seconds(ofFurther: middle, position: position) <= seconds { fits = middle } else { beyond = middle }
    }
    return fits
  }

  /// Learns from a step.
  mutating func observe(decoding: Work, prompts: Work, seconds: Double) {
    guard seconds > 0, seconds.isFinite else { return }
    if prompts.rows == 0 { return self.decoding.observe(decoding, seconds: seconds) }
    self.prompts.observe(prompts, seconds: seconds - self.decoding.seconds(of: decoding), scale: seconds)
  }
}

/// `a + b · rows + c · attended` with coefficients that are not negative: least squares of the relative errors, in which
/// a measurement counts the less the more have come since.
private struct LinearCost {
  private var coefficients: [3 of Double] = [0, 0, 0]
  /// The normal equations.
  private var matrix: [9 of Double] = .init(repeating: 0)
  private var right: [3 of Double] = [0, 0, 0]
  private let decay: Double
  private(set) var isKnown = false

  /// A cost that remembers about `memory` measurements.
  init(memory: Int) { decay = 1 - 1 / Double(memory) }

  func seconds(of work: StepCost.Work) -> Double { coefficients[0] + variableSeconds(of: work) }

  func variableSeconds(of work: StepCost.Work) -> Double {
    coefficients[1] * Double(work.rows) + coefficients[2] * work.attended
  }

  mutating func observe(_ work: StepCost.Work, seconds: Double, scale: Double? = nil) {
    let weight = 1 / (scale ?? seconds)
    let features: [3 of Double] = [weight, weight * Double(work.rows), weight * work.attended]
    for i in 0..<3 {
      for j in 0..<3 { matrix[3 * i + j] = decay * matrix[3 * i + j] + features[i] * features[j] }
      right[i] = decay * right[i] + features[i] * seconds * weight
    }
    isKnown = true
    solve()
  }

  /// While all measurements are alike, rows are what they are put down to: the other two parts are shrunk first.
  private static let shrinkage: [3 of Double] = [1e-2, 1e-5, 1e-3]

  private mutating func solve() {
    var isUsed: [3 of Bool] = [true, true, true]
    while true {
      let solution = solution(isUsed)
      var least = 0
      for i in 1..<3 where solution[i] < solution[least] { least = i }
      if solution[least] >= 0 { return coefficients = solution }
      isUsed[least] = false
    }
  }

  /// The solution in which unused coefficients are zero, by Gaussian elimination; the matrix is positive definite.
  private func solution(_ isUsed: [3 of Bool]) -> [3 of Double] {
    var (matrix, solution) = (matrix, right)
    for i in 0..<3 {
      matrix[4 * i] *= 1 + Self.shrinkage[i]
      guard !isUsed[i] || matrix[4 * i] <= 0 else { continue }
      for j in 0..<3 { (matrix[3 * i + j], matrix[3 * j + i]) = (0, 0) }
      matrix[4 * i] = 1
      solution[i] = 0
    }
    for i in 0..<3 {
      for j in i + 1..<3 {
        let factor = matrix[3 * j + i] / matrix[4 * i]
        for k in i..<3 { matrix[3 * j + k] -= factor * matrix[3 * i + k] }
        solution[j] -= factor * solution[i]
      }
    }
    for i in [2, 1, 0] {
      for j in i + 1..<3 { solution[i] -= matrix[3 * i + j] * solution[j] }
      solution[i] /= matrix[4 * i]
    }
    return solution
  }
}
