import InferText
import Testing

@testable import infer_serve

struct EventLogTests {
  /// All events from a number on, as they come.
  private func read(_ log: EventLog, from start: Int = 0) async -> [JSONValue] {
    var read: [JSONValue] = []
    for await _ in log.follow().notices { read += log.events(from: start + read.count) }
    return read
  }

  @Test func everyFollowerReadsAllThatComes() async {
    let log = EventLog()
    async let all = read(log)
    async let late = read(log, from: 500)
    for number in 0..<1000 {
      log.append([.integer(number)])
      if number % 100 == 0 { await Task.yield() }
    }
    log.append(["last"], isOver: true)
    let expected = (0..<1000).map { JSONValue.integer($0) } + ["last"]
    #expect(await all == expected)
    #expect(await late == Array(expected[500...]))
    #expect(await read(log, from: 999) == [999, "last"])
    #expect(await read(log, from: 5000).isEmpty)
  }

  @Test func followersMayGo() async {
    let log = EventLog(["a"])
    let follower = log.follow()
    follower.end()
    for await _ in follower.notices {}
    log.append(["b"])
    #expect(log.events == ["a", "b"])
    let task = Task { await read(log) }
    task.cancel()
    _ = await task.value
  }
}
