/// Something that the engine's thread does to the memory of sequences between two steps, for another thread.
typealias MemoryErrand = @Sendable (inout SequenceMemory) -> Void

extension EngineInbox {
  /// Has something done to the memory of sequences and waits for what comes of it; `nil` when the engine's thread has
  /// ended. Not for the engine's thread.
  func ask<Answer: Sendable>(_ body: @escaping @Sendable (inout SequenceMemory) -> Answer) -> Answer? {
    let answer = Monitor<Answer?>(nil)
    let isTaken = perform { memory in
      let result = body(&memory)
      answer.change { $0 = result }
    }
    guard isTaken else { return nil }
    answer.wait { $0 != nil }
    return answer.withLock { $0 }
  }
}
