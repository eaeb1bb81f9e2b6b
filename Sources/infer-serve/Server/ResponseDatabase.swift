import Foundation
import GRDB
import InferCore

/// Responses in an SQLite file, which outlives the server.
final class ResponseDatabase: Sendable {
  /// The mark of such files: "infr".
  private static let applicationID = 0x696E_6672
  private static let version = 1

  private let queue: DatabaseQueue

  /// Opens a file, which is made unless it is there.
  ///
  /// - Throws: ``CommandFailure`` for a file that is damaged, another program's, or that cannot be written.
  init(path: String) throws(CommandFailure) {
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(5)
      queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { database in
        let check = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? ""
        guard check == "ok" else { throw CommandFailure("\(path) is damaged: \(check)") }
        try Self.prepare(database, path)
      }
    } catch let failure as CommandFailure {
      throw failure
    } catch let error as DatabaseError where error.resultCode == .SQLITE_NOTADB {
      throw CommandFailure("\(path) is no file of responses: it is not an SQLite database, or damaged")
    } catch {
      throw CommandFailure("the responses in \(path) cannot be opened: \(error)")
    }
  }

  private static func prepare(_ database: Database, _ path: String) throws {
    let mark = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    guard mark == applicationID || (mark == 0 && tables == 0) else {
      throw CommandFailure("\(path) is no file of responses: it is another program's database")
    }
    let found = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard found <= version else {
      throw CommandFailure("\(path) has the version \(found); this server reads versions up to \(version)")
    }
    try database.execute(sql: "PRAGMA journal_mode = WAL")
    try database.execute(sql: "PRAGMA synchronous = NORMAL")
    try database.inTransaction {
      try database.execute(
        sql: """
          CREATE TABLE IF NOT EXISTS responses (id TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
          PRAGMA application_id = \(applicationID);
          PRAGMA user_version = \(version);
          """)
      return .commit
    }
  }

  /// Writes a response, in place of one of the same id.
  func save(_ text: String, id: String) async throws {
    try await queue.write { database in
      try database.execute(sql: "INSERT OR REPLACE INTO responses (id, body) VALUES (?, ?)", arguments: [id, text])
    }
  }

  /// The text of a response; `nil` when there is none.
  func find(_ id: String) throws -> String? {
    try queue.read { try String.fetchOne($0, sql: "SELECT body FROM responses WHERE id = ?", arguments: [id]) }
  }

  /// Removes a response. Returns `false` when there was none.
  func remove(_ id: String) throws -> Bool {
    try queue.write { database in
      try database.execute(sql: "DELETE FROM responses WHERE id = ?", arguments: [id])
      return database.changesCount > 0
    }
  }
}
