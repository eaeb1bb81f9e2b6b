import InferCore
import Testing

@testable import infer_serve

struct ClientConnectionTests {
  @Test func actionsRunOnceWhenTheClientGoes() {
    let connection = ClientConnection()
    let calls = Monitor<[String]>([])
    _ = connection.whenClosed { calls.withLock { $0.append("kept") } }
    let removed = connection.whenClosed { calls.withLock { $0.append("removed") } }
    removed.remove()
    connection.close()
    connection.close()
    #expect(calls.withLock { $0 } == ["kept"])
    _ = connection.whenClosed { calls.withLock { $0.append("late") } }
    #expect(calls.withLock { $0 } == ["kept", "late"])
  }
}
