import TestSupport
import Testing

@testable import InferCore

/// Rows of a table by hashes of the last tokens.
@Suite struct NGramTests {
  /// Up to four tokens, two heads of each number.
  static let hash = NGramHash(
    size: 4, end: 3, multipliers: [0x7FFF_FFFF_FFFF_FFE5, 1_234_567_891, 97, 5_000_000_029],
    rows: [5, 7, 11, 13, 17, 19])

  /// A table whose rows tell their numbers.
  private struct Numbers: RowTable {
    let rows: Int
    let columns = 2
    let rowBytes = 8

    func unpackRow(_ index: Int, into out: UnsafeMutablePointer<Float>) {
      precondition(0..<rows ~= index)
      unsafe out[0] = Float(index)
      unsafe out[1] = -Float(index)
    }
  }

  /// Few tokens, so that some end texts, and large ones.
  static func tokens(_ count: Int, using generator: inout SeededGenerator) -> [Int32] {
    (0..<count).map { _ in
      Int32([0, 1, 2, 3, 4, 200_000, NGramHash.tokenLimit - 1].randomElement(using: &generator) ?? 0)
    }
  }

  static func run(
    _ bench: KernelBench, _ parts: [KernelBench.Part], _ tokens: [[Int32]], _ state: StateHandle
  ) -> [[Float]] {
    let out = GuardedRows(count: parts.reduce(0) { $0 + $1.count }, columns: 2 * hash.heads)
    bench.step(parts, tokens: tokens) { step in
      var target = out.target
      gatherRows(of: Numbers(rows: hash.rowCount), by: hash, last: state, into: &target, step)
    }
    return out.values()
  }

  /// The rows of a token by the definition: tokens before the last that ends a text, and before the first, count as that.
  private static func rows(_ tokens: ArraySlice<Int32>) -> [Float] {
    let current = tokens.last ?? 0
    let text = tokens.dropLast().split(separator: hash.end, omittingEmptySubsequences: false).last ?? []
    let seen = [current] + text.reversed() + Array(repeating: hash.end, count: hash.size)
    var (result, first) = ([Float](), 0)
    for head in 0..<hash.heads {
      let count = head / 2 + 2
      let mixed = (0..<count).reduce(UInt64(0)) { $0 ^ (UInt64(seen[$1]) &* hash.multipliers[$1]) }
      let row = first + Int(mixed % UInt64(hash.rows[head]))
      result += [Float(row), -Float(row)]
      first += hash.rows[head]
    }
    return result
  }

  /// However sequences are cut.
  @Test func everyTokenHasItsRows() throws {
    var generator = SeededGenerator(seed: 91)
    let lengths = [1, 2, 3, 40, 75]
    let tokens = lengths.map { Self.tokens($0, using: &generator) }
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: Self.hash.size - 1))
    for longest in [1, 2, 17, 100] {
      let bench = try KernelBench(layout: layout, sequences: lengths.count)
      bench.soil(state, count: Self.hash.size - 1)
      for parts in KernelBench.randomSteps(lengths, longest: longest, using: &generator) {
        let got = Self.run(bench, parts, tokens, state)
        let want = parts.flatMap { part in
          (part.position..<part.position + part.count).map { Self.rows(tokens[part.sequence][...$0]) }
        }
        #expect(got == want, "runs of up to \(longest)")
      }
    }
  }

  /// The last tokens are the same in states that are kept rounded, however many there are.
  @Test func roundedStatesKeepTokens() throws {
    let size = WeightFormat.q8_0.blockElements - 1
    var generator = SeededGenerator(seed: 92)
    let tokens = Self.tokens(size, using: &generator).map { Float($0) + 1 }
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: size))
    let store = try StateStore(
      layout: layout, kvType: .f32, pageTokens: 16, pageCount: 0, slotCount: 2, coldSlotCount: 1)
    for (place, token) in tokens.enumerated() { unsafe store.slot(0, of: state)[place] = token }
    store.copySlot(from: 0, to: 2)
    store.copySlot(from: 2, to: 1)
    #expect((0..<size).map { unsafe store.slot(1, of: state)[$0] } == tokens)
  }

  /// Numbers that are no tokens, as a damaged file might have them, give rows of the table all the same.
  @Test func anyStateGivesRows() throws {
    var layout = StateLayout()
    let state = layout.add(.recurrent(count: Self.hash.size - 1))
    let bench = try KernelBench(layout: layout)
    for number in [Float.nan, .infinity, -.infinity, -5, 1e30, 0.5] {
      for place in 0..<Self.hash.size - 1 { unsafe bench.store.slot(1, of: state)[place] = number }
      let rows = Self.run(
        bench, [.init(position: 9, count: 1, start: .slot)], [[Int32](repeating: 1, count: 10)], state)
      #expect(rows[0].allSatisfy { abs($0) < Float(Self.hash.rowCount) })
    }
  }
}
