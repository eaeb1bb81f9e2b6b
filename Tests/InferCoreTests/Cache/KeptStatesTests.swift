import Testing

@testable import InferCore

@Suite struct KeptStatesTests {
  /// States of one sequence after 10, 20, … tokens, kept from the last to the first or in order.
  private func chain(_ count: Int, isReversed: Bool) -> KeptStates {
    var states = KeptStates(slotCount: 16)
    let slots = Array(0..<Int32(count))
    for slot in isReversed ? slots.reversed() : slots {
      let hasNext = slot + 1 < count && states[slot + 1] != nil
      states.insert(
        slot, after: Int(slot + 1) * 10, of: 0,
        previous: slot > 0 && states[slot - 1] != nil ? slot - 1 : KeptStates.none,
        behind: hasNext ? [slot + 1] : [], isShared: false)
    }
    return states
  }

  @Test(arguments: [false, true]) func statesKnowTheirNeighbours(isReversed: Bool) {
    var states = chain(6, isReversed: isReversed)
    for slot in Int32(0)..<6 {
      #expect(states[slot]?.previous == slot - 1 && states[slot]?.successors == (slot < 5 ? 1 : 0))
    }
    states.remove(2)
    #expect(states[3]?.previous == 1 && states[1]?.successors == 1 && states.count == 5)
    states.move(from: 1, to: 9)
    #expect(states[1] == nil && states[9]?.previous == 0 && states[3]?.previous == 9 && states[0]?.successors == 1)
    states.remove(0)
    states.remove(9)
    #expect(states[3]?.previous == KeptStates.none && states.evictions == 3)
  }

  /// A state's saving counts from the nearest state that is left, and by half where others come behind.
  @Test func theLeastIsWhatSavesLeast() {
    var states = chain(4, isReversed: false)
    #expect(states.least(of: 0..<16) { _ in true }?.slot == 0)
    #expect(states.least(of: 0..<16) { $0 != 0 }?.slot == 1)
    // Ten tokens each: the last counts whole.
    #expect(states.rank(of: 3).map(\.priority) == 10 && states.rank(of: 2).map(\.priority) == 5)
    states.remove(1)
    states.remove(2)
    #expect(states.rank(of: 3).map(\.priority) == 30)
    states.use(0)
    #expect(states.least(of: 0..<16) { _ in true }?.slot == 3)
  }
}
