import TestSupport
import Testing

@testable import InferCore

/// Layers of stages, and the parts of steps that go through them.
@Suite struct StageTests {
  /// Against all ways to cut.
  @Test(arguments: [1, 2, 3, 4]) func theLargestStageIsAsSmallAsItCanBe(_ stages: Int) throws {
    var random = SeededGenerator(seed: UInt64(stages))
    for count in stages...8 {
      let sizes = (0..<count).map { _ in Double(Int.random(in: 1...9, using: &random)) }
      var share = ModelShare.whole
      share.stages = stages
      let ranges = try #require(share.layers(sizes: sizes))
      #expect(ranges.count == stages && ranges.first?.lowerBound == 0 && ranges.last?.upperBound == count)
      #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
      #expect(ranges.allSatisfy { !$0.isEmpty })
      #expect(Self.largest(sizes, ranges) == Self.least(sizes[...], stages), "\(sizes) in \(ranges)")
    }
  }

  @Test func everyStageNeedsALayer() {
    var share = ModelShare.whole
    share.stages = 3
    #expect(share.layers(sizes: [1, 1]) == nil)
  }

  private static func largest(_ sizes: [Double], _ ranges: [Range<Int>]) -> Double {
    ranges.map { sizes[$0].reduce(0, +) }.max() ?? 0
  }

  private static func least(_ sizes: ArraySlice<Double>, _ stages: Int) -> Double {
    guard stages > 1 else { return sizes.reduce(0, +) }
    return (1...sizes.count - stages + 1).map { count in
      max(sizes.prefix(count).reduce(0, +), least(sizes.dropFirst(count), stages - 1))
    }.min() ?? .infinity
  }

  @Test func ranksOfAGridKnowTheirPlace() throws {
    let places = try onRanks(6) { ranks in
      let grid = RankGrid(ranks, stages: 3)
      return [grid.stage, grid.share.rank, grid.share.count, grid.previous ?? -1, grid.next ?? -1, grid.head]
    }
    #expect(
      places == [
        [0, 0, 2, -1, 2, 4], [0, 1, 2, -1, 3, 4], [1, 0, 2, 0, 4, 4], [1, 1, 2, 1, 5, 4], [2, 0, 2, 2, -1, 4],
        [2, 1, 2, 3, -1, 4],
      ])
  }

  /// Parts have every row once and in order, states and captures where they belong, and all that is wanted in the last.
  @Test func partsOfAPlanAreThePlan() throws {
    var plan = StepPlan()
    func add(_ count: Int, position: Int, logits: Int, slot: Int32, captures: [Int] = [], hidden: Int = 0) {
      let rows = plan.tokens.count..<plan.tokens.count + count
      plan.tokens += rows.map(Int32.init)
      let pages = plan.pages.count..<plan.pages.count + 2
      plan.pages += [slot * 2, slot * 2 + 1]
      let first = plan.captures.count
      plan.captures += captures.map { StateCapture(rows: $0, slot: 100 + Int32($0)) }
      plan.runs.append(
        Run(
          sequence: Int(slot), tokens: rows, position: position, pages: pages, slot: slot,
          start: position == 0 ? .copy(of: 50) : nil, captures: first..<plan.captures.count,
          logits: rows.upperBound - logits..<rows.upperBound,
          hidden: hidden > 0 ? rows.upperBound - hidden..<rows.upperBound : 0..<0, adapter: 3))
    }
    add(1, position: 30, logits: 1, slot: 1)
    add(25, position: 0, logits: 1, slot: 2, captures: [8, 24, 25])
    add(13, position: 40, logits: 0, slot: 3)
    add(12, position: 9, logits: 0, slot: 4, hidden: 12)
    let parts = plan.parts(ofRows: 10)
    #expect(parts.map(\.tokens.count) == [10, 10, 10, 21])
    for (index, part) in parts.enumerated() {
      part.checkStates()
      let isLast = index == parts.count - 1
      #expect(part.logitRowCount == (isLast ? 2 : 0) && part.hiddenRowCount == (isLast ? 12 : 0))
    }
    for run in plan.runs {
      let pieces = parts.flatMap { part in part.runs.filter { $0.slot == run.slot }.map { (part, $0) } }
      #expect(pieces.flatMap { $0.tokens[$1.tokens] } == Array(plan.tokens[run.tokens]))
      var position = run.position
      for (index, (part, piece)) in pieces.enumerated() {
        #expect(piece.position == position && piece.adapter == 3)
        #expect(piece.start == (index == 0 ? run.start : .slot))
        #expect(Array(part.pages[piece.pages]) == Array(plan.pages[run.pages]))
        #expect(part.captures[piece.captures].allSatisfy { $0.slot - 100 == Int32(position - run.position + $0.rows) })
        position += piece.tokens.count
      }
      let captures = pieces.flatMap { part, piece in part.captures[piece.captures].map(\.slot) }
      #expect(captures == plan.captures[run.captures].map(\.slot))
    }
    // Few rows stay together.
    #expect(plan.parts(ofRows: 64).count == 1)
  }
}
