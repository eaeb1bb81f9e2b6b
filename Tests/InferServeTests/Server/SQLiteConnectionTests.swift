import Foundation
import GRDB
import TestSupport
import Testing

@testable import infer_serve

struct SQLiteConnectionTests {
  private let folder: TemporaryFolder
  private var path: String { folder.url.appending(path: "t.db").path }
  private static let file = SQLiteFile(
    contents: "tests", mark: 7, version: 1, schema: "CREATE TABLE IF NOT EXISTS t (a INTEGER)", patience: 0.05)

  init() throws { folder = try TemporaryFolder() }

  private func insert(_ queue: DatabaseQueue) throws -> Int {
    try queue.write { database in
      try database.execute(sql: "INSERT INTO t VALUES (1)")
      return try Int.fetchOne(database, sql: "SELECT count(*) FROM t") ?? 0
    }
  }

  /// Damage may show in a page that was not looked at when the file was opened.
  @Test func damageThatShowsLaterCostsTheFileAndNothingElse() throws {
    let connection = try SQLiteConnection(Self.file, path: path, logger: HTTPServer.quietLogger)
    #expect(try connection.use(insert) == 1)
    var isFound = false
    let count = try connection.use { queue in
      defer { isFound = true }
      guard isFound else { throw DatabaseError(resultCode: .SQLITE_CORRUPT) }
      return try insert(queue)
    }
    #expect(count == 1 && !connection.isFailing)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(names.count { $0.hasPrefix("t.db.damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") } == 1)
  }

  /// A file that has failed is not tried for everybody who comes, and not given up either.
  @Test func aFileThatIsFullIsTriedOnceInAWhile() throws {
    let connection = try SQLiteConnection(Self.file, path: path, logger: HTTPServer.quietLogger)
    func fill(insists: Bool = false) throws(SQLiteFile.Fault) {
      try connection.use(insists: insists) { _ in
        tries += 1
        throw DatabaseError(resultCode: .SQLITE_FULL)
      }
    }
    var tries = 0
    for _ in 0..<10 { #expect(throws: SQLiteFile.Fault.self) { try fill() } }
    #expect(tries == 1 && connection.isFailing)
    #expect(throws: SQLiteFile.Fault.self) { try fill(insists: true) }
    #expect(throws: SQLiteFile.Fault.self) { try connection.use(insert) }
    #expect(try connection.use(insists: true, changes: false) { queue in try queue.read { _ in 1 } } == 1)
    #expect(tries == 2 && connection.isFailing)
    #expect(try connection.use(insists: true, insert) == 1)
    #expect(try !connection.isFailing && connection.use(insert) == 2)
  }
}
