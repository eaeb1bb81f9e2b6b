import Foundation
import GRDB
import InferText
import TestSupport
import Testing

@testable import InferCore
@testable import infer_serve

struct ResponseStoreTests {
  private func stored(_ id: String, after previous: String? = nil, text: String = "") -> StoredResponse {
    StoredResponse(
      response: [
        "id": .string(id), "previous_response_id": .init(optional: previous),
        "output": [["id": .string("out \(id)"), "text": .string(text)]],
      ], input: [["id": .string("in \(id)")]])
  }

  @Test func aConversationIsAllThatCameBefore() async throws {
    let store = ResponseStore(limit: 1 << 20)
    try await store.save(stored("a"))
    try await store.save(stored("b", after: "a"))
    try await store.save(stored("c", after: "b"))
    let items = try store.conversation(to: "c", limit: 1 << 20)
    #expect(items.map { $0["id"] } == ["in a", "out a", "in b", "out b", "in c", "out c"])
    #expect(try store.remove("a") && !store.remove("a"))
    let error = refusal { () throws(APIError) in try store.conversation(to: "c", limit: 1 << 20) }
    #expect(
      error?.status == 400 && error?.parameter == "previous_response_id" && error?.message.contains("'a'") == true)
    let tooLong = refusal { () throws(APIError) in try store.conversation(to: "b", limit: 60) }
    #expect(tooLong?.code == APIError.contextExceeded)
  }

  @Test func whatGoesRoundInACircleEnds() async throws {
    let store = ResponseStore(limit: 1 << 20)
    try await store.save(stored("a", after: "b"))
    try await store.save(stored("b", after: "a"))
    #expect(try store.conversation(to: "a", limit: 1 << 20).count == 4)
  }

  @Test func memoryStaysWithinItsBudgetAndKeepsWhatIsUsed() async throws {
    let text = String(repeating: "x", count: 1000)
    let store = ResponseStore(limit: 4000)
    for index in 0..<100 {
      try await store.save(stored("\(index)", text: text))
      #expect(try store.find("0") != nil)
      #expect(store.byteCount <= 4000)
    }
    #expect(try store.find("99") == stored("99", text: text) && store.find("98") != nil && store.find("50") == nil)
    try await store.save(stored("large", text: String(repeating: "x", count: 5000)))
    #expect(try store.find("large") == nil && store.find("0") != nil)
    #expect(try store.remove("0") && store.remove("99") && store.remove("98"))
    #expect(store.byteCount == 0)
  }

  @Test func aFileIsReadAgain() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "responses.sqlite").path
    let first = ResponseStore(limit: 0, database: try ResponseDatabase(path: path, logger: HTTPServer.quietLogger))
    try await first.save(stored("a", text: "深圳"))
    try await first.save(stored("b", after: "a"))
    try await first.save(stored("a", text: "anew"))
    #expect(first.byteCount == 0)
    let second = ResponseStore(
      limit: 1 << 20, database: try ResponseDatabase(path: path, logger: HTTPServer.quietLogger))
    #expect(try second.find("a") == stored("a", text: "anew"))
    #expect(try second.conversation(to: "b", limit: 1 << 20).count == 4)
    #expect(try second.remove("b") && second.find("b") == nil && first.find("b") == nil)
  }

  @Test func aDamagedFileIsMovedAside() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "responses.sqlite").path
    let text = "no database, but a text that is long enough to be one"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let store = ResponseStore(limit: 0, database: try ResponseDatabase(path: path, logger: HTTPServer.quietLogger))
    try await store.save(stored("a"))
    #expect(try store.find("a") == stored("a"))
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    let aside = try #require(names.first { $0.hasPrefix("responses.sqlite.damaged-") })
    #expect(try String(contentsOf: folder.url.appending(path: aside), encoding: .utf8) == text)
  }

  /// Responses wait in memory while the file is locked, and are written when it is free.
  @Test func aLockedFileGetsItsResponsesLater() async throws {
    let folder = try TemporaryFolder()
    let path = folder.url.appending(path: "responses.sqlite").path
    _ = try ResponseDatabase(path: path, logger: HTTPServer.quietLogger)
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    // Nobody else may read either.
    configuration.prepareDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE") }
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try await other.writeWithoutTransaction { try $0.execute(sql: "BEGIN EXCLUSIVE") }
    let store = ResponseStore(
      limit: 1 << 20, database: try ResponseDatabase(path: path, logger: HTTPServer.quietLogger))
    for id in ["a", "b"] { await #expect(throws: SQLiteFile.Fault.self) { try await store.save(stored(id)) } }
    #expect(try store.find("a") == stored("a"))
    for refused in [
      refusal({ () throws(APIError) in try store.find("c") }),
      refusal({ () throws(APIError) in try store.remove("b") }),
    ] {
      #expect(refused?.status == 503 && refused?.code == "store_unavailable" && refused?.retryAfter == 1)
    }
    try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
    try other.close()
    await store.flush()
    let found = ResponseStore(limit: 0, database: try ResponseDatabase(path: path, logger: HTTPServer.quietLogger))
    #expect(try found.find("a") == stored("a") && found.find("b") == stored("b"))
  }

  @Test func otherFilesAreRefusedAndLeftAsTheyAre() throws {
    let folder = try TemporaryFolder()
    let other = folder.url.appending(path: "other.sqlite").path
    try DatabaseQueue(path: other).write { try $0.execute(sql: "CREATE TABLE responses (a)") }
    for path in [other, folder.url.appending(path: "none/at/all.sqlite").path] {
      #expect(throws: CommandFailure.self) { try ResponseDatabase(path: path, logger: HTTPServer.quietLogger) }
    }
  }
}
