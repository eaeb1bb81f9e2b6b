import TestSupport
import Testing

@testable import InferCore

/// Starts and captures of recurrent state, in every kernel that has some.
@Suite struct RecurrentStateTests {
  enum Kernel: Sendable, CaseIterable {
    case convolution, scan, channelScan, deltaRuleOfHeads, deltaRuleOfChannels, linearUnits, wkv6, wkv7,
      recurrence, ngrams
  }

  /// A kernel with random inputs of some sequences.
  struct Case {
    let stateCount: Int
    let state: StateHandle
    let layout: StateLayout
    /// Runs a step and returns the outputs.
    let run: (KernelBench, [KernelBench.Part]) -> [[Float]]

    init(_ kernel: Kernel, lengths: [Int]) {
      var layout = StateLayout()
      // Neighbours on both sides.
      _ = layout.add(.recurrent(count: 3))
      let state: StateHandle
      switch kernel {
      case .convolution:
        var generator = SeededGenerator(seed: 1)
        let (weight, bias) = (generator.rows(4, 19), generator.floats(19))
        let inputs = lengths.map { generator.rows($0, 19) }
        stateCount = 3 * 19
        state = layout.add(.recurrent(count: stateCount))
        run = { ConvolutionTests.run($0, $1, inputs, weight: weight, bias: bias, silu: true, state) }
      case .scan:
        let scan = ScanTests.Case(heads: 4, p: 5, groups: 2, n: 7, lengths: lengths, seed: 2)
        stateCount = scan.parameters.stateCount
        state = layout.add(.recurrent(count: stateCount))
        run = { scan.run($0, $1, state) }
      case .channelScan:
        var generator = SeededGenerator(seed: 3)
        let (channels, n) = (150, 4)
        let parameters = ChannelScanParameters(
          stateSize: n, a: generator.floats(channels * n).map { -abs($0) }, d: generator.floats(channels),
          dtBias: generator.floats(channels))
        let inputs = lengths.map { length in
          Plain.ChannelScanInput(
            x: generator.rows(length, channels), dt: generator.rows(length, channels),
            gate: generator.rows(length, channels), b: generator.rows(length, n), c: generator.rows(length, n))
        }
        stateCount = parameters.stateCount
        state = layout.add(.recurrent(count: stateCount))
        run = { ChannelScanTests.run($0, $1, inputs, parameters, state) }
      case .deltaRuleOfHeads, .deltaRuleOfChannels:
        let rule = DeltaRuleTests.Case(
          heads: 4, keyHeads: 2, k: 5, v: 7, kernel == .deltaRuleOfHeads ? .ofHead : .ofChannel, lengths: lengths,
          seed: 4)
        stateCount = rule.shape.stateCount
        state = layout.add(.recurrent(count: stateCount))
        run = { rule.run($0, $1, state) }
      case .linearUnits:
        let units = GatedLinearUnitTests.Case(channels: 150, lengths: lengths, seed: 6)
        stateCount = 150
        state = layout.add(.recurrent(count: stateCount))
        run = { units.run($0, $1, state) }
      case .wkv6, .wkv7:
        let wkv = WKVTests.Case(kernel == .wkv6 ? .six : .seven, heads: 3, size: 17, lengths: lengths, seed: 7)
        stateCount = wkv.shape.stateCount
        state = layout.add(.recurrent(count: stateCount))
        run = { wkv.run($0, $1, state) }
      case .recurrence:
        var generator = SeededGenerator(seed: 5)
        let inputs = lengths.map { generator.rows($0, 2 * 12) }
        stateCount = 12
        state = layout.add(.recurrent(count: stateCount))
        run = { RecurrenceTests.run($0, $1, inputs, parts: 3, state) }
      case .ngrams:
        var generator = SeededGenerator(seed: 7)
        let tokens = lengths.map { NGramTests.tokens($0, using: &generator) }
        stateCount = NGramTests.hash.size - 1
        state = layout.add(.recurrent(count: stateCount))
        run = { NGramTests.run($0, $1, tokens, state) }
      }
      _ = layout.add(.recurrent(count: 3))
      self.state = state
      self.layout = layout
    }

    /// A bench whose slots hold what earlier owners left.
    func bench(sequences: Int, spareSlots: Int = 0) throws -> KernelBench {
      let bench = try KernelBench(layout: layout, sequences: sequences, spareSlots: spareSlots)
      bench.soil(state, count: stateCount)
      return bench
    }
  }

  /// Sequences by the tokens after which they are captured, the last of them their end: few tokens and many, on both
  /// sides of where scans go over to chunks and of where chunks end, in segments of either kind.
  private static let cuts = [
    [1], [2, 3, 9], [5, 16, 30, 40], [15, 31, 47], [70, 100], [1, 64, 65, 150, 201], [64, 128], [17, 20, 100],
  ]

  /// Captures of several sequences in one step leave the states that cutting leaves, and change no output but as cutting
  /// does. Going on from a captured state is going on from the cut.
  @Test(arguments: Kernel.allCases) func aCaptureIsACut(_ kernel: Kernel) throws {
    let cuts = Self.cuts
    let rule = Case(kernel, lengths: cuts.map { $0[$0.count - 1] })
    let bench = try rule.bench(sequences: cuts.count, spareSlots: cuts.joined().count)
    var slot = Int32(cuts.count)
    let parts = cuts.indices.map { sequence in
      KernelBench.Part(
        sequence: sequence, count: cuts[sequence][cuts[sequence].count - 1],
        captures: cuts[sequence].map { rows in
          slot += 1
          return StateCapture(rows: rows, slot: slot)
        })
    }
    var captured = rule.run(bench, parts)[...]
    for part in parts {
      let alone = try rule.bench(sequences: cuts.count)
      var before: StateCapture?
      for capture in part.captures {
        let first = before?.rows ?? 0
        let next = KernelBench.Part(sequence: part.sequence, position: first, count: capture.rows - first)
        let want = rule.run(alone, [next])
        let after = alone.state(rule.state, of: part.sequence, count: rule.stateCount)
        #expect(captured.prefix(next.count).elementsEqual(want), "rows \(first)..<\(capture.rows)")
        #expect(bench.state(rule.state, slot: capture.slot, count: rule.stateCount) == after, "after \(capture.rows)")
        captured = captured.dropFirst(next.count)
        if let before {
          var copy = next
          copy.start = .copy(of: before.slot)
          let kept = bench.state(rule.state, slot: before.slot, count: rule.stateCount)
          bench.soil(rule.state, count: rule.stateCount, slot: Int32(part.sequence + 1))
          #expect(rule.run(bench, [copy]) == want, "from a copy of \(first)")
          #expect(bench.state(rule.state, of: part.sequence, count: rule.stateCount) == after)
          #expect(bench.state(rule.state, slot: before.slot, count: rule.stateCount) == kept, "a kept state changed")
        }
        before = capture
      }
    }
    #expect(captured.isEmpty)
    #expect(bench.state(rule.state, of: -1, count: rule.stateCount).allSatisfy { $0 == 77 }, "a slot of nobody")
  }

  /// The slot that a run ends in holds the state after its last token, whatever is captured before.
  @Test(arguments: Kernel.allCases) func theRunGoesOnBehindItsCaptures(_ kernel: Kernel) throws {
    let rule = Case(kernel, lengths: [120])
    let bench = try rule.bench(sequences: 1, spareSlots: 1)
    _ = rule.run(bench, [.init(count: 90, captures: [StateCapture(rows: 25, slot: 2)])])
    let alone = try rule.bench(sequences: 1)
    _ = rule.run(alone, [.init(count: 25)])
    _ = rule.run(alone, [.init(position: 25, count: 65)])
    let rest = KernelBench.Part(position: 90, count: 30)
    #expect(rule.run(bench, [rest]) == rule.run(alone, [rest]))
    #expect(
      bench.state(rule.state, of: 0, count: rule.stateCount) == alone.state(rule.state, of: 0, count: rule.stateCount))
  }

  /// A run starts from what it says and not from what its position would suggest.
  @Test(arguments: Kernel.allCases) func positionsDecideNothing(_ kernel: Kernel) throws {
    let rule = Case(kernel, lengths: [60])
    let bench = try rule.bench(sequences: 1, spareSlots: 1)
    for count in [3, 30] {
      let zero = rule.run(bench, [.init(position: 30, count: count, start: .zero)])
      let after = bench.state(rule.state, of: 0, count: rule.stateCount)
      unsafe bench.store.slot(2, of: rule.state).update(repeating: 0, count: rule.stateCount)
      #expect(rule.run(bench, [.init(position: 30, count: count, start: .copy(of: 2))]) == zero)
      #expect(bench.state(rule.state, of: 0, count: rule.stateCount) == after)
      // The first tokens behind others are not what they are at the beginning.
      bench.store.copySlot(from: 1, to: 2)
      let behind = rule.run(bench, [.init(count: count, start: .slot)])
      #expect(rule.run(bench, [.init(count: count, start: .copy(of: 2))]) == behind)
      #expect(rule.run(bench, [.init(count: count)]) != behind)
    }
  }

  /// Steps that would depend on the order of their work are mistakes.
  @Test func slotsAreUsedOnceInAStep() async {
    await #expect(processExitsWith: .failure) {
      try KernelBench(sequences: 2).step([.init(count: 5, captures: [StateCapture(rows: 3, slot: 1)])]) { _ in }
    }
    await #expect(processExitsWith: .failure) {
      let captures = [StateCapture(rows: 3, slot: 5), StateCapture(rows: 4, slot: 5)]
      try KernelBench(sequences: 2, spareSlots: 5).step([.init(count: 5, captures: captures)]) { _ in }
    }
    await #expect(processExitsWith: .failure) {
      let captures = [StateCapture(rows: 3, slot: 5), StateCapture(rows: 3, slot: 6)]
      try KernelBench(sequences: 2, spareSlots: 5).step([.init(count: 5, captures: captures)]) { _ in }
    }
    await #expect(processExitsWith: .failure) {
      let captures = [StateCapture(rows: 6, slot: 5)]
      try KernelBench(sequences: 2, spareSlots: 5).step([.init(count: 5, captures: captures)]) { _ in }
    }
    await #expect(processExitsWith: .failure) {
      try KernelBench(sequences: 2).step([
        .init(count: 5), .init(sequence: 1, count: 5, start: .copy(of: 1)),
      ]) { _ in }
    }
  }
}
