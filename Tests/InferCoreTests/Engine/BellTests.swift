import Testing

@testable import InferCore

struct BellTests {
  @Test func ringsThatNobodyWaitedForAreOne() {
    let bell = Bell()
    let calls = Monitor(0)
    bell.ring()
    bell.ring()
    bell.whenRung { calls.withLock { $0 += 1 } }
    #expect(calls.withLock { $0 } == 1)
    bell.whenRung { calls.withLock { $0 += 1 } }
    #expect(calls.withLock { $0 } == 1)
    bell.ring()
    bell.ring()
    #expect(calls.withLock { $0 } == 2)
  }

  @Test func whatComesBetweenALookAndTheWaitIsSeen() async {
    let bell = Bell()
    let count = Monitor(0)
    let ringing = Task.detached {
      for _ in 0..<1000 {
        count.withLock { $0 += 1 }
        bell.ring()
      }
    }
    while count.withLock({ $0 }) < 1000 { await bell.wait() }
    await ringing.value
  }
}
