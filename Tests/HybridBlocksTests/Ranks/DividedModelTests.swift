import Foundation
import HybridBlocks
import InferCore
import TestSupport
import Testing

/// Models that several ranks compute together, each on a thread of its own.
@Suite struct DividedModelTests {
  /// Every family against the logits of its reference, as `ParityTests` has it for one rank: in one step, and token by token.
  @Test(arguments: ParityFixture.all, [2, 3])
  func logitsAreThoseOfTheReference(_ fixture: ParityFixture, count: Int) throws {
    let reference = try fixture.reference()
    let computed: [[[Float]]]
    do {
      computed = try onRanks(count) { ranks in
        let ranks = RankGrid(ranks)
        let model = try Self.load(fixture.folder, ranks)
        return try reference.prompts.flatMap { prompt in
          try [prompt.count, 7].map { try Self.logits(model, prompt, chunk: $0, ranks) }
        }
      }
    } catch let error as ModelError where count == 3 {
      // These small models have few heads.
      #expect("\(error)".contains("cannot be dealt out to 3 ranks"), "\(error)")
      return
    }
    try Self.expect(computed, like: reference, fixture)
  }

  /// Fixtures with layers that cannot be where others are not, and the words that refuse them.
  private static let inseparable: [String: String] = [
    "zamba": "uses other layers' weights", "zamba2": "uses other layers' weights",
    "zamba2_bias": "uses other layers' weights", "gemma3n": "looks at keys of a layer of stage 0",
    "gemma4": "looks at keys of a layer of stage 0", "hunyuan_large": "looks at keys of a layer of stage 0",
    "inkling2_loop_text": "uses other layers' weights", "inkling2_loop": "uses other layers' weights",
  ]

  /// Every family in two stages, whatever its blocks are: a prompt in one step, and in several.
  @Test(arguments: ParityFixture.all) func stagesComputeWhatTheReferenceDoes(_ fixture: ParityFixture) throws {
    let reference = try fixture.reference()
    do {
      let computed = try onRanks(2) { ranks in
        let grid = RankGrid(ranks, stages: 2)
        let model = try Self.load(fixture.folder, grid)
        return try reference.prompts.flatMap { prompt in
          try [prompt.count, 7].map { try Self.logits(model, prompt, chunk: $0, grid) }
        }
      }
      #expect(Self.inseparable[fixture.name] == nil)
      try Self.expect(computed, like: reference, fixture)
    } catch let error as ModelError {
      let words = try #require(Self.inseparable[fixture.name], "\(error)")
      #expect("\(error)".contains(words) && "\(error)".contains("2 stages"), "\(error)")
    }
  }

  /// Stages each layer of which two ranks have shares of.
  @Test(arguments: [
    ParityFixture("granitemoehybrid"), ParityFixture("qwen3_next"), ParityFixture("deepseek_v3"),
    ParityFixture("hunyuan_t1"),
  ])
  func stagesOfSeveralRanksComputeWhatTheReferenceDoes(_ fixture: ParityFixture) throws {
    let reference = try fixture.reference()
    let computed = try onRanks(4) { ranks in
      let grid = RankGrid(ranks, stages: 2)
      let model = try Self.load(fixture.folder, grid)
      return try reference.prompts.flatMap { prompt in
        try [prompt.count, 7].map { try Self.logits(model, prompt, chunk: $0, grid) }
      }
    }
    try Self.expect(computed, like: reference, fixture)
  }

  /// A prompt that is long enough to be computed in parts, beside sequences that generate: what is wanted comes with the last
  /// part, and is what one rank computes in one.
  @Test(arguments: [2, 3]) func promptsGoThroughStagesInParts(_ stages: Int) throws {
    let prompt = (0..<300).map { Int32($0 * 37 % 500 + 3) }
    let got = try onRanks(stages) { ranks in
      try Self.mixedStep(prompt, RankGrid(ranks, stages: stages))
    }[0]
    let alone = try Self.mixedStep(prompt, nil)
    #expect(got.count == alone.count && !alone.isEmpty)
    let worst = zip(got, alone).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= 1e-3 * standardDeviation(alone), "\(worst)")
  }

  /// The logits of two short prompts' next tokens beside a long prompt, and then of a token behind each.
  private static func mixedStep(_ prompt: [Int32], _ grid: RankGrid?) throws -> [Float] {
    let model = try load(Fixtures.tinyModel, grid)
    let runner = try StepRunner(
      model: model, sequences: 3, length: prompt.count + 1, kvType: .f32, threads: 1, spareSlots: 1, grid: grid)
    var result: [Float] = []
    func step(_ parts: [StepRunner.Part]) {
      runner.step(parts) { rows in
        guard grid?.job.rank ?? 0 == 0 else { return }
        for row in 0..<rows.count { for column in 0..<rows.columns { result.append(rows[row][column]) } }
      }
    }
    step([
      .init(sequence: 0, tokens: prompt[..<5], position: 0, logits: 1),
      .init(sequence: 1, tokens: prompt[..<9], position: 0, logits: 2),
    ])
    // A state that is captured in the midst of a part.
    step([
      .init(sequence: 0, tokens: [7], position: 5, logits: 1),
      .init(
        sequence: 2, tokens: prompt[...], position: 0, logits: 3, captures: [StateCapture(rows: 100, slot: 3)]),
      .init(sequence: 1, tokens: [8], position: 9, logits: 1),
    ])
    step((0..<3).map { .init(sequence: $0, tokens: [11], position: [6, 10, prompt.count][$0], logits: 1) })
    runner.copyPages(of: 2, to: 0, tokens: 100)
    step([.init(sequence: 0, tokens: [12], position: 100, logits: 1, start: .copy(of: 3))])
    return result
  }

  private static func expect(
    _ computed: [[[Float]]], like reference: ParityFixture.Reference, _ fixture: ParityFixture
  ) throws {
    #expect(computed[1...].allSatisfy { $0.allSatisfy(\.isEmpty) })
    for (index, expected) in reference.logits.enumerated() {
      for got in computed[0][2 * index...2 * index + 1] {
        let worst = zip(got, expected).map { abs($0 - $1) }.max() ?? .infinity
        #expect(got.count == expected.count)
        #expect(worst <= fixture.tolerance * max(1, standardDeviation(expected)), "prompt \(index)")
      }
    }
  }

  /// Each rank has of an adapter what belongs to its part of a layer.
  @Test(arguments: AdapterFixture.all) func adaptersAreDivided(_ fixture: AdapterFixture) throws {
    let tokens = try fixture.tokens()
    let got = try onRanks(2) { ranks in
      let ranks = RankGrid(ranks)
      let model = try Self.load(fixture.base, ranks, adapters: [fixture.adapter])
      return try Self.logits(model, tokens, chunk: 5, adapter: 0, ranks)
    }[0]
    #expect(try distance(got, fixture.logits()) <= 1e-3)
  }

  /// Experts that are dealt out by the rows that they have had compute what consecutive ones do.
  @Test(arguments: [
    ParityFixture("granitemoehybrid"), ParityFixture("qwen3_moe"), ParityFixture("gpt_oss"),
    ParityFixture("longcat_flash"),
  ])
  func expertsMayBeDealtOutByTheirRows(_ fixture: ParityFixture) throws {
    let reference = try fixture.reference()
    let (prompt, expected) = (reference.prompts[0], reference.logits[0])
    // Every layer's, whatever experts it has: those with even numbers are busy.
    let whole = try Self.load(fixture.folder, nil)
    let runner = try StepRunner(model: whole, sequences: 1, length: prompt.count, kvType: .f32, threads: 1)
    runner.step([.init(sequence: 0, tokens: prompt[...], position: 0, logits: 1)]) { _ in }
    let counts = runner.report.expertRows
    var rows: [Int: [Double]] = [:]
    for (layer, experts) in counts.enumerated() where !experts.isEmpty {
      rows[layer] = experts.indices.map { $0.isMultiple(of: 2) ? 100 : Double($0) }
    }
    let loads = ExpertLoads(rows)
    let dealt = try #require(
      rows.first.map { layer, rows in
        var share = ModelShare(rank: 0, of: 2)
        share.expertLoads = loads
        return try share.experts(of: rows.count, layer: layer)
      })
    #expect(dealt != Array(0..<dealt.count))
    let computed = try onRanks(2) { ranks in
      let ranks = RankGrid(ranks)
      return try Self.logits(
        try Self.load(fixture.folder, ranks, expertLoads: loads), prompt, chunk: 7, ranks)
    }[0]
    let worst = zip(computed, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(computed.count == expected.count)
    #expect(worst <= fixture.tolerance * max(1, standardDeviation(expected)))
  }

  /// A family from elsewhere whose mixer knows nothing of ranks.
  private struct Undivided: ModelFamily {
    static let models = "none"
    static let layers = "a mixer that adds nothing"
    static let modelTypes = ["llama"]
    let frame: ModelFrame
    let layerCount = 1

    init(_ config: ConfigReader) throws(ModelError) { frame = try ModelFrame(config) }

    func layers(reading weights: WeightScope, state: inout StateLayout) -> [Layer] {
      [Layer(ResidualBlock(norm: nil, mixer: Nothing()))]
    }
  }

  private struct Nothing: Mixer {
    let letter: Character = "F"
    func mix(_ x: Rows, into out: inout MutableRows, _ step: borrowing Step) {}
  }

  @Test func whatIsNotDividedIsNamed() throws {
    #expect {
      _ = try onRanks(2) { ranks in
        var options = LoadOptions()
        options.families = [Undivided.self]
        options.share = RankGrid(ranks).share
        return try loadModel(at: ParityFixture("llama").folder, options: options).summary
      }
    } throws: { "\($0)".contains("layer 0") && "\($0)".contains("Nothing") && "\($0)".contains("2 ranks") }
  }

  /// Quantised weights are the same wherever they are (`QuantizedLoadTests` holds parts to the last bit): only the order of sums
  /// differs. Activations are rounded to eight bits, and one that falls to the other side moves logits a little; where two
  /// experts are nearly equal, it chooses the other one.
  @Test(arguments: [WeightFormat.q8_0, .q4_0], [2, 4])
  func quantisedPartsAreThoseOfTheWhole(_ format: WeightFormat, count: Int) throws {
    let prompt = (0..<48).map { Int32($0 * 37 % 500 + 3) }
    let folder = Fixtures.tinyModel
    let whole = try Self.decoded(try Self.load(folder, nil, format), prompt, answer: nil, nil)
    let answer = whole.map(\.best)
    let divided = try onRanks(count) { ranks in
      let ranks = RankGrid(ranks)
      return try Self.decoded(try Self.load(folder, ranks, format), prompt, answer: answer, ranks)
    }[0]
    let deviation = standardDeviation(whole.flatMap(\.logits))
    let squares = zip(divided, whole).flatMap { zip($0.logits, $1.logits).map { ($0 - $1) * ($0 - $1) } }
    #expect((squares.reduce(0, +) / Float(squares.count)).squareRoot() <= 0.01 * deviation)
    let tolerance = 0.05 * deviation
    let alike = zip(divided, whole).filter { $0.experts == $1.experts }
    #expect(alike.count >= 36)
    for (got, expected) in alike {
      let worst = zip(got.logits, expected.logits).map { abs($0 - $1) }.max() ?? .infinity
      #expect(got.logits.count == expected.logits.count && worst <= tolerance, "\(worst) of \(tolerance)")
      if expected.margin > 2 * tolerance { #expect(got.best == expected.best) }
    }
    #expect(alike.contains { $1.margin > 2 * tolerance })
  }

  @Test func everyRankHoldsItsPart() throws {
    let bytes = try onRanks(2) { ranks in
      var options = LoadOptions()
      options.share = ModelShare(rank: ranks.rank, of: ranks.size)
      return try loadModel(at: Fixtures.tinyModel, options: options).summary
    }
    let whole = try loadModel(at: Fixtures.tinyModel).summary
    for part in bytes {
      #expect(Double(part.weightBytes) <= 0.55 * Double(whole.weightBytes))
      #expect(part.stateBytesPerSequence * 2 == whole.stateBytesPerSequence)
      #expect(part.parameterCount == whole.parameterCount)
    }
  }

  /// Layers are dealt out by their weights, and state is where its layer is.
  @Test func everyStageHoldsItsLayers() throws {
    let parts = try onRanks(2) { ranks in
      var options = LoadOptions()
      options.share = RankGrid(ranks, stages: 2).share
      return try loadModel(at: Fixtures.tinyModel, options: options).summary
    }
    let whole = try loadModel(at: Fixtures.tinyModel).summary
    #expect(parts.reduce("") { $0 + $1.layout } == whole.layout)
    for part in parts {
      #expect(Double(part.weightBytes) <= 0.65 * Double(whole.weightBytes))
      #expect(part.parameterCount == whole.parameterCount)
    }
  }

  /// All ranks, and the whole model, know state by the same name.
  @Test(arguments: [ParityFixture("qwen3_moe"), ParityFixture("granitemoehybrid")])
  func fingerprintsAreThoseOfTheWhole(_ fixture: ParityFixture) throws {
    let whole = try #require(try Self.load(fixture.folder, nil).fingerprint)
    #expect(try onRanks(2) { try Self.load(fixture.folder, RankGrid($0)).fingerprint } == [whole, whole])
  }

  static func load(
    _ folder: URL, _ grid: RankGrid?, _ format: WeightFormat? = nil, adapters: [Adapter] = [],
    expertLoads: ExpertLoads? = nil
  ) throws -> any LanguageModel {
    var options = LoadOptions()
    options.adapters = adapters
    options.threads = 1
    options.quantization = try format.map { try #require(Quantization(named: $0.name.lowercased())) }
    if let grid { options.share = grid.share }
    options.share.expertLoads = expertLoads
    return try loadModel(at: folder, options: options).model
  }

  /// The logits of all tokens of a prompt on rank 0, and nothing on others.
  static func logits(
    _ model: any LanguageModel, _ tokens: [Int32], chunk: Int, adapter: Int? = nil, _ grid: RankGrid
  ) throws -> [Float] {
    let runner = try StepRunner(
      model: model, sequences: 1, length: tokens.count, kvType: .f32, threads: 1, grid: grid)
    var result: [Float] = []
    for first in stride(from: 0, to: tokens.count, by: chunk) {
      let part = tokens[first..<min(first + chunk, tokens.count)]
      let step = StepRunner.Part(
        sequence: 0, tokens: part, position: first, logits: part.count, adapter: adapter)
      runner.step([step]) { rows in
        guard grid.job.rank == 0 else { return }
        for row in 0..<rows.count { for column in 0..<rows.columns { result.append(rows[row][column]) } }
      }
    }
    return result
  }

  /// What a step makes of one token.
  private struct Decoded {
    var logits: [Float] = []
    /// The rows of each expert of each layer.
    var experts: [[Int]] = []
    /// The best token, and how much better it is than the next.
    var best: Int32 = 0
    var margin: Float = 0
  }

  /// The tokens behind a prompt, where `answer` or else the best ones are what follows; without logits on ranks other than 0.
  private static func decoded(
    _ model: any LanguageModel, _ prompt: [Int32], answer: [Int32]?, _ grid: RankGrid?
  ) throws -> [Decoded] {
    let count = answer?.count ?? 40
    let runner = try StepRunner(
      model: model, sequences: 1, length: prompt.count + count, kvType: .f16, threads: 1, grid: grid)
    var result: [Decoded] = []
    var (position, next) = (0, prompt[...])
    for index in 0..<count {
      var token = Decoded()
      runner.step([.init(sequence: 0, tokens: next, position: position, logits: 1)]) { rows in
        if grid?.job.rank ?? 0 == 0 { token.logits = (0..<rows.columns).map { rows[0][$0] } }
      }
      let row = token.logits
      let best = row.indices.max { (row[$0], $1) < (row[$1], $0) } ?? 0
      token.experts = runner.report.expertRows
      token.best = Int32(best)
      token.margin = row.indices.filter { $0 != best }.map { row[best] - row[$0] }.min() ?? 0
      result.append(token)
      position += next.count
      next = [answer?[index] ?? token.best]
    }
    return result
  }
}
