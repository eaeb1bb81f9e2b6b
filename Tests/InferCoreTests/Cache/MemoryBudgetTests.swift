import TestSupport
import Testing

@testable import InferCore

/// Pages and slots that share a budget.
@Suite struct MemoryBudgetTests {
  /// Memory for 100 bytes, of which a page takes 1 and a slot 10; two slots are set aside.
  private func memory(bytes: Int = 100) -> SequenceMemory {
    SequenceMemory(
      pageTokens: 4, pageCount: bytes - 20, slotCount: bytes / 10, hasRecurrentState: true,
      budget: MemoryBudget(bytes: bytes, pageBytes: 1, slotBytes: 10, reservedSlots: 2))
  }

  private func tokens(_ count: Int, _ random: inout SeededGenerator) -> [Int32] {
    (0..<count).map { _ in Int32.random(in: 0..<1000, using: &random) }
  }

  private func leave(_ tokens: [Int32], states: [Int], in memory: inout SequenceMemory) {
    var pages: [Int32] = []
    while pages.count < memory.pageCount(for: tokens.count), let page = memory.takePage() { pages.append(page) }
    let computed = min(tokens.count, pages.count * 4)
    var (last, whole): (Int32?, Int) = (nil, 0)
    memory.insert(tokens, computed: computed, pages: &pages, last: &last, whole: &whole, in: .shared)
    for position in states where position <= computed {
      guard let slot = memory.takeSpareSlot(leaving: 0) else { continue }
      memory.keep(slot, after: position, of: tokens, pages: pages, last: last, whole: whole, in: .shared)
    }
    for page in pages { memory.give(page: page) }
  }

  @Test func pagesUseWhatStatesDoNotAndTheOtherWayRound() {
    var random = SeededGenerator(seed: 1)
    var memory = memory()
    // Pages alone: all but the slots that are set aside.
    leave(tokens(400, &random), states: [], in: &memory)
    #expect(memory.pages.backedCount == 80 && memory.byteCount == 100)
    // States alone: prompts of a page with a state each.
    for _ in 0..<30 { leave(tokens(4, &random), states: [4], in: &memory) }
    #expect(memory.states.count >= 8 && memory.byteCount <= 100)
    // And back: whoever runs takes what only the cache holds.
    let taken = (0..<80).compactMap { _ in memory.takePage() }
    #expect(taken.count == 80 && Set(taken).count == 80 && memory.states.count <= 2)
    #expect(memory.takePage() == nil && memory.byteCount == 100)
    // The slots that were set aside are still there, and no others.
    #expect(memory.takeSlot() != nil && memory.takeSlot() != nil && memory.takeSlot() == nil)
    for page in taken { memory.give(page: page) }
    #expect(memory.takeSlot() != nil)
  }

  @Test func pagesBehindAllStatesMakeRoomForStates() {
    var random = SeededGenerator(seed: 2)
    var memory = memory()
    let text = tokens(160, &random)
    leave(text, states: [80], in: &memory)
    #expect(memory.pages.takenCount == 40)
    // Seven states and 26 pages are 96 bytes; there were 40 pages before.
    for _ in 0..<6 { leave(tokens(4, &random), states: [4], in: &memory) }
    #expect(memory.states.count == 7 && memory.counts.evictedStates == 0 && memory.byteCount <= 100)
    let hit = memory.lookUp(text, limit: 159, in: .shared)
    #expect(hit.tokens == 80 && hit.knownTokens < 160)
  }

  /// States in passing take no pages that running sequences were promised.
  @Test func statesInPassingLeaveThePagesThatArePromised() {
    var memory = memory()
    let own = [memory.takeSlot(), memory.takeSlot()]
    #expect(own.allSatisfy { $0 != nil })
    let held = (0..<30).compactMap { _ in memory.takePage() }
    #expect(held.count == 30 && memory.hasPages(50) && !memory.hasPages(51))
    #expect(memory.takeSpareSlot(leaving: 41) == nil)
    #expect(memory.takeSpareSlot(leaving: 40) != nil && memory.hasPages(40) && !memory.hasPages(41))
    #expect(!memory.hasPages(31, takingSlots: 1) && memory.hasPages(30, takingSlots: 1))
  }

  /// Random loads of both kinds: the budget is kept after every call, nothing that is held is given back, and what is
  /// backed is what is counted.
  @Test(arguments: 0..<30) func theBudgetIsNeverExceeded(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let (page, slot) = (Int.random(in: 1...8, using: &random), Int.random(in: 1...60, using: &random))
    let (pages, reserved) = (Int.random(in: 4...60, using: &random), Int.random(in: 1...3, using: &random))
    let bytes = pages * page + reserved * slot
    var memory = SequenceMemory(
      pageTokens: 4, pageCount: pages, slotCount: max(reserved, bytes / slot), hasRecurrentState: true,
      budget: MemoryBudget(bytes: bytes, pageBytes: page, slotBytes: slot, reservedSlots: reserved))
    var (heldPages, heldSlots): ([Int32], [Int32]) = ([], [])
    var (backedPages, backedSlots): (Set<Int32>, Set<Int32>) = ([], [])
    var texts: [[Int32]] = [[]]
    for _ in 0..<600 {
      switch Int.random(in: 0..<6, using: &random) {
      case 0: if let page = memory.takePage() { heldPages.append(page) }
      case 1: if let slot = memory.takeSlot() { heldSlots.append(slot) }
      case 2: if let page = heldPages.popLast() { memory.give(page: page) }
      case 3: if let slot = heldSlots.popLast() { memory.give(slot: slot) }
      default:
        let known = texts.randomElement(using: &random) ?? []
        let text = Array(known.prefix(.random(in: 0...40, using: &random))) + tokens(9, &random)
        texts.append(text)
        leave(text, states: [known.count, text.count].filter { $0 > 0 && $0 <= text.count }.sorted(), in: &memory)
      }
      var released = SequenceMemory.Released()
      memory.giveBack { released = $0 }
      backedPages.subtract(released.pages)
      backedSlots.subtract(released.slots)
      #expect(released.pages == released.pages.sorted() && released.slots == released.slots.sorted())
      #expect(released.pages.allSatisfy { memory.pages.holderCount($0) == 0 })
      #expect(released.slots.allSatisfy { memory.slots.holderCount($0) == 0 })
      for index in 0..<Int32(memory.pages.count) where memory.pages.holderCount(index) > 0 { backedPages.insert(index) }
      for index in 0..<Int32(memory.slots.count) where memory.slots.holderCount(index) > 0 { backedSlots.insert(index) }
      #expect(memory.byteCount <= bytes)
      #expect(backedPages.count <= memory.pages.backedCount && backedSlots.count <= memory.slots.backedCount)
    }
    for page in heldPages { memory.give(page: page) }
    for slot in heldSlots { memory.give(slot: slot) }
    memory.reset()
    #expect(memory.pages.takenCount == 0 && memory.slots.takenCount == 0 && memory.byteCount == reserved * slot)
    memory.giveBack { released in
      backedPages.subtract(released.pages)
      backedSlots.subtract(released.slots)
    }
    #expect(backedPages.isEmpty && backedSlots.isEmpty)
  }
}
