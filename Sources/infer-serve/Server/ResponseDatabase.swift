import Foundation
import GRDB
import InferCore

/// Responses in an SQLite file, which outlives the server.
final class ResponseDatabase: Sendable {
  private static let file = SQLiteFile(
    // "infr"
    contents: "responses", mark: 0x696E_6672, version: 1,
    schema: "CREATE TABLE IF NOT EXISTS responses (id TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) WITHOUT ROWID")

  private let queue: DatabaseQueue

  /// Opens a file, which is made unless it is there.
  ///
  /// - Throws: ``CommandFailure`` for a file that is damaged, another program's, or that cannot be written.
  init(path: String) throws(CommandFailure) {
    do { queue = try Self.file.open(path) } catch { throw CommandFailure(error.reason) }
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
