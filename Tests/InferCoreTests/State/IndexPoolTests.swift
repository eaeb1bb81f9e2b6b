import TestSupport
import Testing

@testable import InferCore

@Suite struct IndexPoolTests {
  /// Against a plain set: nothing is handed out twice, nothing is lost.
  @Test func handsOutEveryIndexOnce() throws {
    var random = SeededGenerator(seed: 1)
    var pool = IndexPool(count: 37)
    var taken: Set<Int32> = []
    for _ in 0..<5000 {
      if Bool.random(using: &random) {
        let index = pool.take()
        #expect((index == nil) == (taken.count == 37))
        if let index { #expect((0..<37).contains(index) && taken.insert(index).inserted) }
      } else if let index = taken.randomElement(using: &random) {
        pool.give(index)
        taken.remove(index)
      }
      #expect(pool.takenCount == taken.count && pool.freeCount == 37 - taken.count)
    }
  }

  @Test func whatWasGivenBackLastIsTakenNext() {
    var pool = IndexPool(count: 3)
    #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [0, 1, 2, nil])
    pool.give(1)
    pool.give(0)
    #expect(pool.take() == 0)
  }

  @Test func whatIsSharedIsFreeWhenItsLastHolderGivesItBack() {
    var pool = IndexPool(count: 1)
    #expect(pool.take() == 0)
    pool.share(0)
    pool.share(0)
    for holders in [3, 2, 1] {
      #expect(pool.holderCount(0) == holders && pool.take() == nil)
      pool.give(0)
    }
    #expect(pool.holderCount(0) == 0 && pool.take() == 0)
  }

  @Test func whatIsKeptIsIdleWhenNobodyElseHoldsIt() {
    var pool = IndexPool(count: 3)
    #expect(pool.take() == 0 && pool.idleCount == 0)
    pool.share(0)
    pool.keep(0)
    #expect(pool.idleCount == 0 && !pool.isIdle(0))
    pool.give(0)
    #expect(pool.idleCount == 1 && pool.isIdle(0))
    pool.share(0)
    #expect(pool.idleCount == 0)
    pool.giveUp(0)
    #expect(pool.idleCount == 0 && pool.freeCount == 2)
    pool.give(0)
    #expect(pool.freeCount == 3)
  }

  /// What was taken once stays backed until it is released, and is taken before what was not.
  @Test func whatIsBackedIsTakenFirst() {
    var pool = IndexPool(count: 4)
    #expect([pool.take(), pool.take(), pool.take()] == [0, 1, 2] && pool.backedCount == 3)
    pool.give(1)
    pool.give(0)
    #expect(pool.freeBackedCount == 2 && pool.freeCount == 3 && pool.takenCount == 1)
    #expect(pool.release() == 0 && pool.backedCount == 2 && pool.freeCount == 3)
    #expect(pool.take() == 1 && pool.freeBackedCount == 0 && pool.release() == nil)
    #expect(pool.take() == 0 && pool.take() == 3 && pool.take() == nil && pool.backedCount == 4)
  }

  @Test func givingBackTwiceTraps() async {
    await #expect(processExitsWith: .failure) {
      var pool = IndexPool(count: 2)
      let index = pool.take() ?? 0
      pool.give(index)
      pool.give(index)
    }
  }
}
