import TestSupport
import Testing

@testable import InferCore

@Suite struct SequenceMemoryTests {
  private func tokens(_ count: Int, seed: UInt64) -> [Int32] {
    var random = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Int32.random(in: 0..<1000, using: &random) }
  }

  /// What a sequence leaves that computes `tokens` and has state after some numbers of them.
  private func leave(_ tokens: [Int32], states: [Int], in memory: inout SequenceMemory) {
    var pages = (0..<memory.pageCount(for: tokens.count)).map { _ in memory.takePage() ?? -1 }
    var (last, whole): (Int32?, Int) = (nil, 0)
    memory.insert(tokens, computed: tokens.count, pages: &pages, last: &last, whole: &whole, in: .shared)
    for position in states {
      guard let slot = memory.takeSlot() else { continue }
      memory.keep(slot, after: position, of: tokens, pages: pages, last: last, whole: whole, in: .shared)
    }
    for page in pages { memory.give(page: page) }
  }

  private func hit(_ tokens: [Int32], in memory: inout SequenceMemory) -> Int {
    let hit = memory.lookUp(tokens, limit: tokens.count - 1, in: .shared)
    memory.note(hit, of: tokens, in: .shared)
    memory.use(hit)
    return hit.tokens
  }

  @Test func aHitIsTheDeepestPositionWithState() {
    var memory = SequenceMemory(pageTokens: 16, pageCount: 100, slotCount: 10, hasRecurrentState: true)
    let text = tokens(100, seed: 1)
    leave(text, states: [20, 32, 70], in: &memory)
    for (count, expected) in [(100, 70), (71, 70), (70, 32), (33, 32), (32, 20), (21, 20), (20, 0)] {
      #expect(hit(Array(text.prefix(count)), in: &memory) == expected, "\(count) tokens")
    }
    let hit = memory.lookUp(text, limit: 99, in: .shared)
    #expect(hit.pages.count == 4 && !hit.partialPages.isEmpty && hit.partialTokens == 6 && hit.slot != nil)
    #expect(hit.knownTokens == 96 || hit.knownTokens == 99)
    // In the middle of a page another text branches off.
    #expect(self.hit(Array(text.prefix(25)) + [-5] + tokens(50, seed: 2), in: &memory) == 20)
  }

  @Test func withoutRecurrentStateAHitIsAllThatIsKnown() {
    var memory = SequenceMemory(pageTokens: 16, pageCount: 100, slotCount: 2, hasRecurrentState: false)
    let text = tokens(100, seed: 1)
    leave(text, states: [], in: &memory)
    for (count, expected) in [(100, 96), (96, 95), (40, 39), (1, 0)] {
      #expect(hit(Array(text.prefix(count)), in: &memory) == expected, "\(count) tokens")
    }
  }

  /// States that nobody came back to go first, then those that save least for longest.
  @Test func whatIsSharedOutlastsWhatIsNot() {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 1000, slotCount: 8, hasRecurrentState: true)
    let system = tokens(40, seed: 3)
    leave(system, states: [40], in: &memory)
    #expect(hit(system + [1, 2, 3], in: &memory) == 40)
    for seed in UInt64(10)..<60 {
      leave(tokens(400, seed: seed), states: [400], in: &memory)
      if seed % 10 == 9 { #expect(hit(system + [1, 2, 3], in: &memory) == 40) }
    }
    #expect(memory.states.count == 8 && memory.counts.evictedStates == 43)
  }

  /// A workload that changes: what was shared once does not stay for ever.
  @Test func whatIsNoLongerSharedGoes() {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 4000, slotCount: 8, hasRecurrentState: true)
    for seed in UInt64(0)..<8 {
      leave(tokens(40, seed: seed), states: [40], in: &memory)
      #expect(hit(tokens(40, seed: seed) + [1], in: &memory) == 40)
    }
    var found = 0
    for round in 0..<10 {
      for seed in UInt64(100)..<105 {
        let text = tokens(80, seed: seed)
        found += hit(text + [1], in: &memory)
        if round < 9 { leave(text, states: [80], in: &memory) }
      }
    }
    #expect(found >= 5 * 4 * 80, "\(found) tokens of \(5 * 9 * 80)")
  }

  @Test func pagesBehindAllStatesGoFirst() {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 20, slotCount: 4, hasRecurrentState: true)
    let text = tokens(60, seed: 5)
    leave(text, states: [20], in: &memory)
    #expect(memory.pages.freeCount == 5)
    leave(tokens(40, seed: 6), states: [40], in: &memory)
    #expect(hit(text, in: &memory) == 20)
  }

  /// Tokens that were not found are counted by why.
  @Test func missesAreCountedByTheirCause() {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 30, slotCount: 4, hasRecurrentState: true)
    let text = tokens(40, seed: 7)
    #expect(hit(text, in: &memory) == 0)
    #expect(memory.counts.misses == [.noPages: 40, .noState: 0, .evicted: 0])
    leave(text, states: [20], in: &memory)
    #expect(hit(text + tokens(2, seed: 8), in: &memory) == 20)
    #expect(memory.counts.misses == [.noPages: 40, .noState: 20, .evicted: 0, .tooShort: 2])
    let other = tokens(40, seed: 9)
    leave(other, states: [20], in: &memory)
    for seed in UInt64(20)..<30 { leave(tokens(60, seed: seed), states: [60], in: &memory) }
    #expect(hit(other, in: &memory) == 0)
    #expect(memory.counts.misses[.evicted] == 40)
    #expect(memory.counts.queriedTokens == 122 && memory.counts.hitTokens == 20 && memory.counts.lookups == 3)
  }

  /// A state whose slot is needed moves to a cold one, from where it is found; of the cold ones the least valuable go, and
  /// none for one that is worth less.
  @Test func statesBecomeColdBeforeTheyGo() {
    var moves: [Int32] = []
    func check(_ source: Int32, _ target: Int32) {
      #expect(source < 4 && target >= 4)
      moves.append(target)
    }
    withoutActuallyEscaping(check) { check in
      var memory = SequenceMemory(
        pageTokens: 4, pageCount: 2000, slotCount: 4, hasRecurrentState: true, coldSlotCount: 3, copyState: check)
      for length in 1...7 { leave(tokens(length * 20, seed: UInt64(length)), states: [length * 20], in: &memory) }
      #expect(memory.states.count == 7 && memory.coldSlots.takenCount == 3 && memory.counts.evictedStates == 0)
      #expect(moves.sorted() == [4, 5, 6])
      // Those that save least are cold.
      for length in 1...7 {
        let slot = memory.lookUp(tokens(length * 20, seed: UInt64(length)) + [1], limit: length * 20, in: .shared).slot
        #expect(slot.map(memory.isCold) == (length <= 3), "state after \(length * 20)")
      }
      #expect(hit(tokens(20, seed: 1) + [1], in: &memory) == 20)
      leave(tokens(400, seed: 8), states: [400], in: &memory)
      #expect(memory.states.count == 7 && memory.counts.evictedStates == 1)
      // The one that was used stayed.
      #expect(hit(tokens(20, seed: 1) + [1], in: &memory) == 20 && hit(tokens(40, seed: 2) + [1], in: &memory) == 0)
      // An exact state takes the place of a cold one.
      leave(tokens(20, seed: 1), states: [20], in: &memory)
      #expect(memory.lookUp(tokens(20, seed: 1) + [1], limit: 20, in: .shared).slot.map(memory.isCold) == false)
      memory.reset()
      #expect(memory.states.count == 0 && memory.coldSlots.takenCount == 0 && memory.slots.takenCount == 0)
      var released: [Int32] = []
      memory.giveBack { released = $0.slots }
      #expect(released == Array(0..<7))
    }
  }

  /// A thread that is writing a state does not keep it from being forgotten, and finds out; other loans stay.
  @Test func whatIsForgottenIsNotLentAnyMore() throws {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 100, slotCount: 8, hasRecurrentState: true)
    memory.notesKept = true
    let (unsound, sound) = (tokens(50, seed: 1), tokens(50, seed: 2))
    leave(unsound, states: [20, 45], in: &memory)
    leave(sound, states: [45], in: &memory)
    let leases = memory.takeNewlyKept().compactMap { memory.lend($0) }
    try #require(leases.count == 3)
    memory.forget(unsound, in: .shared)
    #expect(leases.map { $0.use {} } == [false, false, true])
    #expect(hit(unsound, in: &memory) == 0 && hit(sound, in: &memory) == 45)
    #expect(memory.states.count == 1 && memory.slots.takenCount == 1 && memory.pages.takenCount == 12)
    // The threads give back what they had, whenever they come to it.
    for lease in leases { memory.end(lease) }
    memory.reset()
    #expect(memory.pages.takenCount == 0 && memory.slots.takenCount == 0)
  }

  @Test func afterAResetEverythingIsFree() {
    var memory = SequenceMemory(pageTokens: 4, pageCount: 300, slotCount: 40, hasRecurrentState: true)
    for seed in UInt64(0)..<20 { leave(tokens(50, seed: seed % 7), states: [10, 33, 50], in: &memory) }
    #expect(memory.tree.count > 0 && memory.states.count > 0)
    memory.reset()
    #expect(memory.tree.count == 0 && memory.tree.tokenCount == 0 && memory.states.count == 0)
    #expect(memory.pages.takenCount == 0 && memory.slots.takenCount == 0)
  }
}
