import Testing

@testable import InferCore

struct TurnQueueTests {
  /// The shares of steps of one second that each gets where all always have work.
  private func steps(weights: [Double], count: Int) -> [Int] {
    var queue = TurnQueue()
    let shares = weights.map { queue.add(weight: $0) }
    var steps = Array(repeating: 0, count: weights.count)
    for _ in 0..<count {
      for share in shares { queue.wait(share) }
      let next = shares.first { queue.take($0) }
      guard let next else {
        Issue.record("nobody's turn")
        break
      }
      steps[next] += 1
      _ = queue.use(seconds: 1)
    }
    return steps
  }

  @Test func timeIsSharedByWeight() {
    #expect(steps(weights: [1], count: 10) == [10])
    #expect(steps(weights: [1, 1, 1], count: 30) == [10, 10, 10])
    let uneven = steps(weights: [3, 1], count: 400)
    #expect(abs(uneven[0] - 300) <= 3 && uneven.reduce(0, +) == 400)
  }

  /// Has a share wait, and returns whether it gets the turn.
  private func asks(_ share: Int, _ queue: inout TurnQueue) -> Bool {
    queue.wait(share)
    return queue.take(share)
  }

  /// A share that has rested waits for no more than one other step, and has no claim to what it left.
  @Test func whoRestsGainsAndLosesNothing() {
    var queue = TurnQueue()
    let (busy, idle) = (queue.add(weight: 1), queue.add(weight: 1))
    for _ in 0..<100 {
      let (has, loses) = (asks(busy, &queue), queue.use(seconds: 1))
      #expect(has && !loses)
    }
    let (isNext, loses) = (asks(idle, &queue), queue.use(seconds: 1))
    #expect(!isNext && loses)
    var turns: [Int] = []
    for _ in 0..<20 {
      queue.wait(busy)
      queue.wait(idle)
      turns.append([busy, idle].first { queue.take($0) } ?? -1)
      _ = queue.use(seconds: 1)
    }
    #expect(turns[0] == idle)
    #expect(abs(turns.filter { $0 == idle }.count - 10) <= 2)
  }

  @Test func theTurnIsKeptUntilAnotherIsToHaveIt() {
    var queue = TurnQueue()
    let (first, second) = (queue.add(weight: 1), queue.add(weight: 1))
    let holds = [asks(first, &queue), asks(first, &queue)]
    #expect(holds == [true, true])
    let early = asks(second, &queue)
    // The clocks stand at the same time yet.
    let loses = queue.use(seconds: 0)
    #expect(!early && !loses && queue.holder == first)
    let rests = [queue.rest(first), queue.rest(first)]
    #expect(rests == [true, false])
    let turns = [queue.take(second), queue.take(first)]
    #expect(turns == [true, false])
    _ = queue.rest(second)
    queue.remove(first)
    let again = queue.add(weight: 2)
    #expect(again == first)
  }
}
