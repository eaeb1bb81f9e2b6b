@testable import InferCore

extension SequenceMemory {
  /// A memory of sequences whose every layer looks back at everything.
  init(
    pageTokens: Int, pageCount: Int, slotCount: Int, hasRecurrentState: Bool, budget: MemoryBudget = .unlimited,
    coldSlotCount: Int = 0, copyState: @escaping (_ source: Int32, _ target: Int32) -> Void = { _, _ in }
  ) {
    self.init(
      rows: PageRows(pageTokens: pageTokens), pageCount: pageCount, slotCount: slotCount,
      hasRecurrentState: hasRecurrentState, budget: budget, coldSlotCount: coldSlotCount, copyState: copyState)
  }

  /// Gives back a page.
  mutating func give(page: Int32) { give(pages: [page]) }
}
