import TestSupport
import Testing

@testable import InferCore

/// Rows in memory of their own, with a gap behind every row and canaries in all gaps, before and behind.
@safe struct GuardedRows: ~Copyable {
  private static let canary: Float = -1.234_567e30
  private static let margin = 19  // Odd, so that rows are aligned to single floats only.

  private let memory: AlignedBuffer
  private let base: UnsafeMutablePointer<Float>
  let count: Int
  let columns: Int
  let stride: Int

  /// Rows of canaries.
  init(count: Int, columns: Int, padding: Int = 3) {
    self.count = count
    self.columns = columns
    stride = columns + padding
    let total = count * stride + 2 * Self.margin
    memory = AlignedBuffer(byteCount: total * 4)
    let floats = unsafe memory.base.bindMemory(to: Float.self, capacity: total)
    unsafe floats.update(repeating: Self.canary, count: total)
    unsafe base = floats + Self.margin
  }

  /// Rows of the given values.
  init(_ values: [[Float]], columns: Int? = nil, padding: Int = 3) {
    self.init(count: values.count, columns: columns ?? values.first?.count ?? 0, padding: padding)
    for (row, value) in values.enumerated() {
      for (column, number) in value.enumerated() { unsafe base[row * stride + column] = number }
    }
  }

  var rows: Rows {
    @_lifetime(borrow self)
    borrowing get {
      unsafe Rows(base: UnsafePointer(base), count: count, columns: columns, stride: stride, borrowing: self)
    }
  }

  /// The rows, for a kernel to write to.
  var target: MutableRows {
    @_lifetime(borrow self)
    borrowing get { unsafe MutableRows(base: base, count: count, columns: columns, stride: stride, borrowing: self) }
  }

  /// The values; records an issue when a canary is gone.
  func values(_ location: SourceLocation = #_sourceLocation) -> [[Float]] {
    var intact = true
    for place in -Self.margin..<count * stride + Self.margin {
      let inside = place >= 0 && place < count * stride && place % stride < columns
      if unsafe !inside && base[place] != Self.canary { intact = false }
    }
    #expect(intact, "memory beside the rows was written", sourceLocation: location)
    return (0..<count).map { row in (0..<columns).map { unsafe base[row * stride + $0] } }
  }
}

/// What kernels work with besides their operands: state, threads, scratch.
final class KernelBench {
  /// Tokens of one sequence in a step.
  struct Part {
    var sequence = 0
    var position = 0
    var count: Int
    /// How many of the last rows have their logits computed.
    var logits = 0
    /// The recurrent state before the tokens, unless it is the usual one.
    var start: StateStart?
    var captures: [StateCapture] = []
  }

  let store: StateStore
  /// Pages of each sequence, scattered over the store.
  let pages: [[Int32]]
  private let team: ThreadTeam
  private let workspace = Workspace()

  init(
    layout: StateLayout = StateLayout(), kvType: KVType = .f32, pageTokens: Int = 16, sequences: Int = 1,
    pagesPerSequence: Int = 0, spareSlots: Int = 0, threads: Int = 2
  ) throws {
    let count = sequences * pagesPerSequence
    // A few pages more than are used, which must stay untouched.
    store = try StateStore(
      layout: layout, kvType: kvType, pageTokens: pageTokens, pageCount: count + 2,
      slotCount: sequences + 1 + spareSlots)
    var generator = SeededGenerator(seed: 7)
    let scattered = (0..<Int32(count + 2)).shuffled(using: &generator)
    pages = (0..<sequences).map { sequence in
      Array(scattered[sequence * pagesPerSequence..<(sequence + 1) * pagesPerSequence])
    }
    team = try ThreadTeam(count: threads)
  }

  /// Pages that belong to no sequence.
  var freePages: [Int32] { (0..<Int32(store.pageCount)).filter { page in !pages.contains { $0.contains(page) } } }

  /// Runs a step over the given parts. Sequence `s` has slot `s + 1`; slot 0 belongs to nobody, and spare slots come last.
  ///
  /// - Parameter tokens: all tokens of each sequence, for kernels that look at them.
  func step(_ parts: [Part], tokens: [[Int32]]? = nil, _ body: (borrowing Step) -> Void) {
    var plan = StepPlan()
    for part in parts {
      let first = plan.tokens.count
      plan.tokens += tokens?[part.sequence][part.position..<part.position + part.count] ?? []
      plan.tokens += Array(repeating: 0, count: first + part.count - plan.tokens.count)
      let firstPage = plan.pages.count
      plan.pages.append(contentsOf: pages[part.sequence])
      let firstCapture = plan.captures.count
      plan.captures += part.captures
      plan.runs.append(
        Run(
          sequence: part.sequence, tokens: first..<first + part.count, position: part.position,
          pages: firstPage..<plan.pages.count, slot: Int32(part.sequence + 1), start: part.start,
          captures: firstCapture..<plan.captures.count,
          logits: first + part.count - part.logits..<first + part.count))
    }
    body(Step(plan: plan, store: store, team: team, workspace: workspace))
  }

  /// Runs a step of `rows` rows for kernels that do not look at sequences.
  func step(rows: Int, _ body: (borrowing Step) -> Void) { step([Part(count: rows)], body) }

  /// What a step reports of its experts.
  var expertRows: [[Int]] { workspace.report.expertRows }

  /// Floats of a sequence's slot.
  func state(_ handle: StateHandle, of sequence: Int, count: Int) -> [Float] {
    state(handle, slot: Int32(sequence + 1), count: count)
  }

  /// Floats of a slot.
  func state(_ handle: StateHandle, slot: Int32, count: Int) -> [Float] {
    let slot = unsafe store.slot(slot, of: handle)
    return (0..<count).map { unsafe slot[$0] }
  }

  /// Fills every slot with a number, as left behind by an earlier owner.
  func soil(_ handle: StateHandle, count: Int) {
    for slot in 0..<Int32(store.slotCount) { soil(handle, count: count, slot: slot) }
  }

  /// Fills a slot with a number.
  func soil(_ handle: StateHandle, count: Int, slot: Int32) {
    unsafe store.slot(slot, of: handle).update(repeating: 77, count: count)
  }

  /// Cuts the sequences `0 ..< lengths.count` into steps at random: each step holds the next part of some of them.
  static func randomSteps(_ lengths: [Int], longest: Int, using generator: inout SeededGenerator) -> [[Part]] {
    var done = lengths.map { _ in 0 }
    var steps: [[Part]] = []
    while done != lengths {
      var parts: [Part] = []
      for sequence in lengths.indices.shuffled(using: &generator)
      where done[sequence] < lengths[sequence] && Bool.random(using: &generator) {
        let count = min(lengths[sequence] - done[sequence], Int.random(in: 1...longest, using: &generator))
        parts.append(Part(sequence: sequence, position: done[sequence], count: count))
        done[sequence] += count
      }
      if !parts.isEmpty { steps.append(parts) }
    }
    return steps
  }
}

extension SeededGenerator {
  /// `count` rows of `columns` floats, uniform in −scale ..< scale.
  mutating func rows(_ count: Int, _ columns: Int, scale: Float = 1) -> [[Float]] {
    (0..<count).map { _ in floats(columns, scale: scale) }
  }
}

extension PackedMatrix {
  /// A matrix in some format, and what its numbers became.
  static func rounded(
    _ values: [[Float]], to format: WeightFormat
  ) throws -> (matrix: PackedMatrix, values: [[Float]]) {
    let columns = values.first?.count ?? 0
    let matrix = Matrix(format: format, rows: values.count, columns: columns, values: values.flatMap { $0 })
    let rounded = matrix.floats()
    return (
      try PackedMatrix(matrix, in: WeightArena(), team: ThreadTeam(count: 2)),
      values.indices.map { Array(rounded[$0 * columns..<($0 + 1) * columns]) }
    )
  }
}
