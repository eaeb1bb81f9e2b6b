import Foundation
import GRDB
import InferCore
import InferText
import Logging

/// Responses in an SQLite file, which outlives the server.
final class ResponseDatabase: Sendable {
  static let file = SQLiteFile(
    // "infr"
    contents: "responses", mark: 0x696E_6672, version: 1,
    schema: "CREATE TABLE IF NOT EXISTS responses (id TEXT PRIMARY KEY NOT NULL, body TEXT NOT NULL) WITHOUT ROWID",
    patience: 1)

  private let connection: SQLiteConnection
  private let saving = DispatchQueue(label: "infer-responses")

  /// Opens a file, which is made unless it is there. A damaged one is moved aside.
  ///
  /// - Throws: ``CommandFailure`` for another program's database, and for a file that cannot be made.
  init(path: String, logger: Logger) throws(CommandFailure) {
    do throws(SQLiteFile.Fault) { connection = try SQLiteConnection(Self.file, path: path, logger: logger) } catch {
      throw CommandFailure(error.reason)
    }
  }

  /// Writes responses, in place of those of the same ids.
  ///
  /// - Parameters:
  ///   - insists: `false` for who does not wait for a file that could not be used a moment ago.
  ///   - responses: Called when the file is free for them.
  /// - Returns: The ids of what was written.
  func save(
    insists: Bool = false, _ responses: @escaping @Sendable () -> [(id: ExactText, text: String)]
  ) async throws -> [ExactText] {
    try await withCheckedThrowingContinuation { continuation in
      saving.async { [connection] in
        continuation.resume(
          with: Result {
            try connection.use(insists: insists) { queue in
              try queue.write { database in try responses().map { try Self.insert($0.text, $0.id, database) } }
            }
          })
      }
    }
  }

  private static func insert(_ text: String, _ id: ExactText, _ database: Database) throws -> ExactText {
    try database.execute(
      sql: "INSERT OR REPLACE INTO responses (id, body) VALUES (?, ?)", arguments: [id.string, text])
    return id
  }

  /// The text of a response; `nil` when there is none.
  func find(_ id: String) throws(SQLiteFile.Fault) -> String? {
    try connection.use(changes: false) { queue in
      try queue.read { try String.fetchOne($0, sql: "SELECT body FROM responses WHERE id = ?", arguments: [id]) }
    }
  }

  /// Removes a response. Returns `false` when there was none.
  func remove(_ id: String) throws(SQLiteFile.Fault) -> Bool {
    try connection.use { queue in
      try queue.write { database in
        try database.execute(sql: "DELETE FROM responses WHERE id = ?", arguments: [id])
        return database.changesCount > 0
      }
    }
  }
}
