import Foundation
import TestSupport
import Testing

@testable import InferCore

@Suite struct ExpertTests {
  typealias Scoring = Plain.Routing.Scoring

  /// Chooses experts of one row.
  private func choose(_ logits: [Float], _ selection: ExpertSelection) -> [(expert: Int, weight: Double)] {
    var logits = logits
    var experts = [Int32](repeating: -7, count: selection.topK + 1)
    var weights = [Float](repeating: -7, count: selection.topK + 1)
    var workspace = [Float](repeating: .nan, count: selection.workspaceCount)
    unsafe logits.withUnsafeMutableBufferPointer { logits in
      unsafe experts.withUnsafeMutableBufferPointer { experts in
        unsafe weights.withUnsafeMutableBufferPointer { weights in
          unsafe workspace.withUnsafeMutableBufferPointer { workspace in
            guard let logits = logits.baseAddress, let experts = experts.baseAddress,
              let weights = weights.baseAddress, let workspace = workspace.baseAddress
            else { return }
            unsafe selection.select(logits: logits, experts: experts, weights: weights, workspace: workspace)
          }
        }
      }
    }
    #expect(experts[selection.topK] == -7 && weights[selection.topK] == -7, "more than the top were written")
    return zip(experts, weights).prefix(selection.topK).map { (Int($0), Double($1)) }
  }

  private func selection(_ rule: Plain.Routing, experts: Int) -> ExpertSelection {
    let scoring: ExpertSelection.Scoring =
      switch rule.scoring {
      case .softmax: .softmax
      case .softmaxOfChosen: .softmaxOfChosen
      case .sigmoid: .sigmoid
      }
    return ExpertSelection(
      expertCount: experts, topK: rule.topK, scoring: scoring, normalized: rule.normalized, scale: rule.scale,
      selectionBias: rule.bias, groups: (rule.groups.count, rule.groups.kept),
      scoresOfGroup: rule.scoresOfGroup)
  }

  @Test(arguments: Scoring.allCases, [false, true]) func rulesMatchTheFormula(_ scoring: Scoring, normalized: Bool) {
    var generator = SeededGenerator(seed: 11)
    for (experts, topK) in [(1, 1), (2, 1), (3, 3), (8, 2), (16, 6), (64, 8), (72, 10), (128, 6)] {
      for groups in [(1, 1), (4, 1), (4, 2), (8, 3)] where experts % groups.0 == 0 {
        guard topK <= experts / groups.0 * groups.1 else { continue }
        for trial in 0..<20 {
          var rule = Plain.Routing()
          (rule.scoring, rule.topK, rule.normalized, rule.groups) = (scoring, topK, normalized, groups)
          rule.scale = trial % 2 == 0 ? 1 : 2.5
          rule.scoresOfGroup = 1 + trial / 2 % 2
          if trial % 3 == 0 { rule.bias = generator.floats(experts, scale: 0.3) }
          let logits = generator.floats(experts, scale: 4)
          let (got, want) = (choose(logits, selection(rule, experts: experts)), Plain.choose(logits, rule))
          #expect(got.map(\.expert) == want.map(\.expert), "top \(topK) of \(experts) in \(groups)")
          #expect(distance(got.map { Float($0.weight) }, want.map(\.weight)) <= 1e-6)
        }
      }
    }
  }

  /// Experts that every row is sent to come last, whatever their scores, which count in the weights; the others are chosen as
  /// they are without them.
  @Test(arguments: [1, 2, 3]) func someExpertsAreAlwaysChosen(always: Int) {
    var generator = SeededGenerator(seed: 19)
    for (open, topK) in [(1, 1), (4, 2), (64, 6)] {
      let logits = generator.floats(open + always, scale: 4)
      let bias = generator.floats(open, scale: 0.3) + Array(repeating: 0, count: always)
      var rule = ExpertSelection(
        expertCount: open + always, topK: topK + always, scoring: .sigmoid, normalized: true, scale: 1.5,
        selectionBias: bias)
      rule.alwaysCount = always
      let chosen = choose(logits, rule)
      let scores = logits.map { 1 / (1 + exp(-Double($0))) }
      let best = (0..<open).sorted { scores[$0] + Double(bias[$0]) > scores[$1] + Double(bias[$1]) }
      let want = Array(best.prefix(topK)) + Array(open..<open + always)
      #expect(chosen.map(\.expert) == want)
      let sum = want.reduce(0) { $0 + scores[$1] }
      #expect(distance(chosen.map { Float($0.weight) }, want.map { 1.5 * scores[$0] / sum }) <= 1e-6)
    }
  }

  /// Of equal experts the lower index, and no expert twice.
  @Test(arguments: Scoring.allCases) func tiesGoToTheLowestIndex(_ scoring: Scoring) {
    var rule = Plain.Routing()
    (rule.scoring, rule.topK, rule.groups) = (scoring, 4, (4, 2))
    let chosen = choose(Array(repeating: 0.5, count: 16), selection(rule, experts: 16))
    #expect(chosen.map(\.expert) == [0, 1, 2, 3])
    #expect(Set(chosen.map(\.weight)).count == 1)
  }

  @Test(arguments: Scoring.allCases) func oddLogitsNeverLeadOutside(_ scoring: Scoring) {
    var generator = SeededGenerator(seed: 12)
    let odd: [Float] = [.nan, .infinity, -.infinity, 3e38, -3e38, 0, -0.0, .leastNonzeroMagnitude]
    for trial in 0..<300 {
      var rule = Plain.Routing()
      (rule.scoring, rule.topK, rule.normalized) = (scoring, 1 + trial % 6, trial % 2 == 0)
      rule.groups = trial % 4 == 0 ? (4, 3) : (1, 1)
      let logits = (0..<8).map { _ in odd[Int.random(in: 0..<(trial < 30 ? 1 : 8), using: &generator)] }
      let chosen = choose(logits, selection(rule, experts: 8)).map(\.expert)
      #expect(chosen.allSatisfy { (0..<8).contains($0) }, "\(logits)")
      if !logits.contains(where: \.isNaN) && scoring == .softmaxOfChosen {
        #expect(Set(chosen).count == rule.topK, "\(logits) chose \(chosen)")
      }
    }
  }

  /// Formats of the first and of the second map, and the tolerance: where activations are rounded to eight bits between
  /// the maps, a difference of a last bit before may be one of a whole code after.
  static let formats: [(WeightFormat, WeightFormat, Double)] = [
    (.bf16, .f16, 3e-5 + cut), (.q8_0, .q4_0, 3e-2), (.q5_1, .bf16, 1e-4 + cut), (.f32, .q8_0, 3e-2),
  ]
  /// The error of 64 products of about one on tiles, where activations of 16-bit weights keep sixteen bits of their significand.
  private static let cut = InstructionSet.name == "amx" ? 64 * 0x1p-17 : 0

  /// Random experts with many rows and few, and some without any.
  @Test(arguments: [Experts.Activation.siluGated, .reluSquared], [0, 1, 3, 40])
  func mixtureIsTheWeightedSum(_ activation: Experts.Activation, rows: Int) throws {
    for (first, second, tolerance) in Self.formats {
      try check(activation, rows: rows, first, second, tolerance: tolerance)
    }
  }

  private func check(
    _ activation: Experts.Activation, rows: Int, _ firstFormat: WeightFormat, _ secondFormat: WeightFormat,
    tolerance: Double
  ) throws {
    let (width, hidden, outWidth, count) = (32, 64, 17, 6)
    var generator = SeededGenerator(seed: 13)
    let first = try (0..<count).map { _ in
      try (0..<(activation == .siluGated ? 2 : 1)).map { _ in
        try PackedMatrix.rounded(generator.rows(hidden, width), to: firstFormat)
      }
    }
    let second = try (0..<count).map { _ in try PackedMatrix.rounded(generator.rows(outWidth, hidden), to: secondFormat)
    }
    let experts = try Experts(
      first: first.map { $0.map(\.matrix) }, second: second.map(\.matrix), activation: activation, layer: 2)
    let x = generator.rows(rows, width)
    // Expert 4 is never chosen, expert 1 always.
    let logits = generator.rows(rows, count).map { row in
      row.enumerated().map { $0 == 4 ? -50 : $0 == 1 ? 20 : $1 }
    }
    var rule = Plain.Routing()
    (rule.scoring, rule.topK, rule.scale) = (.sigmoid, 3, 1.5)
    let choices = logits.map { Plain.choose($0, rule) }
    let bench = try KernelBench(threads: 3)
    let input = GuardedRows(x, columns: width)
    let router = GuardedRows(logits, columns: count)
    let out = GuardedRows(count: rows, columns: outWidth)
    let chosen = selection(rule, experts: count)
    bench.step(rows: rows) { step in
      var scores = router.target
      var target = out.target
      mixExperts(input.rows, logits: &scores, chosen, experts, into: &target, step)
    }
    _ = router.values()
    let expected = zip(x, choices).map { row, choices in
      choices.reduce(into: [Double](repeating: 0, count: outWidth)) { sum, choice in
        let values = Plain.expert(
          firstFormat.isQuantized ? Plain.roundedToEightBits(row) : row, first: first[choice.expert].map(\.values),
          second: second[choice.expert].values, roundsHidden: secondFormat.isQuantized)
        for index in sum.indices { sum[index] += choice.weight * values[index] }
      }
    }
    #expect(distance(out.values(), expected) <= tolerance, "\(firstFormat.name), \(secondFormat.name)")
    let counts = (0..<count).map { expert in choices.count { $0.contains { $0.expert == expert } } }
    #expect(bench.expertRows == [[], [], counts] && counts[4] == 0 && counts[1] == rows)
  }

  /// A file may hold anything: experts that compute in different ways are refused.
  @Test func expertsOfDifferentArithmeticAreRefused() throws {
    var generator = SeededGenerator(seed: 15)
    func matrix(_ format: WeightFormat) throws -> PackedMatrix {
      try PackedMatrix.rounded(generator.rows(32, 32), to: format).matrix
    }
    let (floats, codes) = (try matrix(.f16), try matrix(.q8_0))
    let mixed = ModelError.unsuitable("experts of one layer are quantised, and some are F16; expected all or none")
    #expect(throws: mixed) {
      try Experts(first: [[codes], [floats]], second: [floats, floats], activation: .reluSquared, layer: 0)
    }
    #expect(throws: mixed) {
      try Experts(first: [[codes, floats]], second: [codes], activation: .siluGated, layer: 0)
    }
    #expect(throws: mixed) {
      try Experts(first: [[floats], [floats]], second: [floats, codes], activation: .reluSquared, layer: 0)
    }
    _ = try Experts(first: [[codes], [codes]], second: [floats, floats], activation: .reluSquared, layer: 0)
  }

  /// Whoever has some of the experts adds what these add: all have the whole sum together. Experts need not be consecutive.
  @Test func expertsOfSeveralRanksAddUp() throws {
    var generator = SeededGenerator(seed: 16)
    let (count, width, rows) = (7, 32, 9)
    let first = try (0..<count).map { _ in [try PackedMatrix.rounded(generator.rows(64, width), to: .f32).matrix] }
    let second = try (0..<count).map { _ in try PackedMatrix.rounded(generator.rows(width, 64), to: .f32).matrix }
    // Those behind the last pass on what they see.
    var chosen = ExpertSelection(expertCount: count + 2, topK: 3, scoring: .softmax, normalized: true)
    chosen.passingCount = 2
    let (x, logits) = (generator.rows(rows, width), generator.rows(rows, count + 2, scale: 3))
    let bench = try KernelBench(threads: 2)
    func mix(_ numbers: [Int]) throws -> [[Float]] {
      let chosen = chosen
      let experts = try Experts(
        first: numbers.map { first[$0] }, second: numbers.map { second[$0] }, activation: .reluSquared,
        numbers: numbers, of: count, layer: 0)
      let input = GuardedRows(x, columns: width)
      let router = GuardedRows(logits, columns: count + 2)
      let out = GuardedRows(count: rows, columns: width)
      bench.step(rows: rows) { step in
        var scores = router.target
        var target = out.target
        mixExperts(input.rows, logits: &scores, chosen, experts, into: &target, step)
      }
      return out.values()
    }
    let whole = try mix(Array(0..<count))
    let parts = try [[0, 3, 6], [1, 2], [4, 5]].map(mix)
    let none = passed(x, logits, chosen)
    for row in 0..<rows {
      for column in 0..<width {
        // Without other ranks, each adds what is passed on.
        let sum = parts.reduce(-2 * none[row][column]) { $0 + $1[row][column] }
        #expect(abs(sum - whole[row][column]) <= 1e-5 * max(1, abs(sum)))
      }
    }
    // Wherever an expert is, its rows are counted everywhere.
    let choices = logits.flatMap { choose($0, chosen).map(\.expert) }
    #expect(bench.expertRows == [(0..<count).map { expert in choices.count { $0 == expert } }])
  }

  /// What experts that pass on what they see add to each row.
  private func passed(_ x: [[Float]], _ logits: [[Float]], _ selection: ExpertSelection) -> [[Float]] {
    zip(x, logits).map { row, logits in
      let weight = choose(logits, selection).filter { $0.expert >= selection.expertCount - selection.passingCount }
        .reduce(0) { $0 + $1.weight }
      return row.map { $0 * Float(weight) }
    }
  }

  /// A row's result is its own to the bit, whoever else is in the step.
  @Test(arguments: [WeightFormat.bf16, .q8_0, .q4_0])
  func aRowDoesNotDependOnItsNeighbours(_ format: WeightFormat) throws {
    var generator = SeededGenerator(seed: 14)
    let experts = try Experts(
      first: (0..<8).map { _ in [try PackedMatrix.rounded(generator.rows(64, 32), to: format).matrix] },
      second: (0..<8).map { _ in try PackedMatrix.rounded(generator.rows(16, 64), to: format).matrix },
      activation: .reluSquared, layer: 0)
    let chosen = ExpertSelection(expertCount: 8, topK: 2, scoring: .softmax, normalized: true)
    let (x, logits) = (generator.rows(64, 32), generator.rows(64, 8, scale: 3))
    let bench = try KernelBench()
    func mix(_ range: Range<Int>) -> [[Float]] {
      let input = GuardedRows(Array(x[range]))
      let router = GuardedRows(Array(logits[range]))
      let out = GuardedRows(count: range.count, columns: 16)
      bench.step(rows: range.count) { step in
        var scores = router.target
        var target = out.target
        mixExperts(input.rows, logits: &scores, chosen, experts, into: &target, step)
      }
      return out.values()
    }
    let together = mix(0..<64)
    #expect((0..<64).flatMap { mix($0..<$0 + 1) } == together)
    #expect(mix(5..<25) == Array(together[5..<25]))
  }
}
