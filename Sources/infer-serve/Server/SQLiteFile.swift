import Foundation
import GRDB

/// An SQLite file of a kind, which its mark tells from other programs' databases.
struct SQLiteFile: Sendable {
  /// Why a file cannot be used.
  enum Fault: Error {
    /// It is no database, or its pages contradict each other.
    case damaged(String)
    /// It is sound, and not for this server.
    case foreign(String)
    /// It cannot be used now, and may be later: somebody has it locked, or the disk is full.
    case passing(String)
    /// It cannot be opened, read or written.
    case unusable(String)

    /// The fault in words.
    var reason: String {
      switch self {
      case .damaged(let reason), .foreign(let reason), .passing(let reason), .unusable(let reason): reason
      }
    }
  }

  /// The name of the contents, for messages.
  var contents: String
  /// The number that marks files of the kind (https://www.sqlite.org/pragma.html#pragma_application_id).
  var mark: Int
  /// The version of the tables.
  var version: Int
  /// Makes the tables where they are not there.
  var schema: String
  /// How long to wait for whoever has the file locked.
  var patience: TimeInterval

  /// Opens a file, which is made unless it is there. What is committed outlives the process, whatever ends it.
  func open(_ path: String) throws(Fault) -> DatabaseQueue {
    do {
      var configuration = Configuration()
      configuration.busyMode = .timeout(patience)
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      try queue.writeWithoutTransaction { database in
        let check = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? ""
        guard check == "ok" else { throw Fault.damaged("\(path) is damaged: \(check)") }
        try prepare(database, path)
      }
      return queue
    } catch { throw fault(of: error, path) }
  }

  /// Looks at a file and changes nothing.
  ///
  /// - Throws: `Fault` for one that ``open(_:)`` would refuse for good; no file is made where there is none.
  func check(_ path: String) throws(Fault) {
    guard FileManager.default.fileExists(atPath: path) else {
      let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
      guard FileManager.default.isWritableFile(atPath: folder) else {
        throw .unusable("the \(contents) in \(path) cannot be used: \(folder) is no folder that can be written")
      }
      return
    }
    guard FileManager.default.isWritableFile(atPath: path) else {
      throw .unusable("the \(contents) in \(path) cannot be used: it cannot be written")
    }
    do {
      var configuration = Configuration()
      configuration.readonly = true
      try DatabaseQueue(path: path, configuration: configuration).read { try checkKind(of: $0, path) }
    } catch {
      switch fault(of: error, path) {
      case .damaged, .passing: return
      case let fault: throw fault
      }
    }
  }

  /// The fault that an error of the library is.
  func fault(of error: any Error, _ path: String) -> Fault {
    if let fault = error as? Fault { return fault }
    switch (error as? DatabaseError)?.resultCode {
    case .SQLITE_NOTADB?: return .damaged("\(path) is no file of \(contents): it is not an SQLite database, or damaged")
    case .SQLITE_CORRUPT?: return .damaged("\(path) is damaged: \(error)")
    case .SQLITE_BUSY?, .SQLITE_LOCKED?, .SQLITE_FULL?, .SQLITE_IOERR?, .SQLITE_NOMEM?:
      return .passing("the \(contents) in \(path) cannot be used now: \(error)")
    default: return .unusable("the \(contents) in \(path) cannot be used: \(error)")
    }
  }

  /// Gives a damaged file another name, beside it and nobody's yet, and returns that.
  static func moveAside(_ path: String) throws -> String {
    let files = FileManager.default
    // A journal belongs to its file.
    let suffixes = ["", "-wal", "-shm"]
    let first = "\(path).damaged-\(Int(Date().timeIntervalSince1970))"
    var (name, count) = (first, 1)
    while suffixes.contains(where: { files.fileExists(atPath: name + $0) }) {
      count += 1
      name = "\(first)-\(count)"
    }
    for suffix in suffixes where files.fileExists(atPath: path + suffix) {
      try files.moveItem(atPath: path + suffix, toPath: name + suffix)
    }
    return name
  }

  private func prepare(_ database: Database, _ path: String) throws {
    try checkKind(of: database, path)
    try database.execute(sql: "PRAGMA journal_mode = WAL")
    try database.execute(sql: "PRAGMA synchronous = NORMAL")
    try database.inTransaction {
      try database.execute(
        sql: "\(schema);\nPRAGMA application_id = \(mark);\nPRAGMA user_version = \(self.version);")
      return .commit
    }
  }

  private func checkKind(of database: Database, _ path: String) throws {
    let found = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_master") ?? 0
    guard found == mark || (found == 0 && tables == 0) else {
      throw Fault.foreign("\(path) is no file of \(contents): it is another program's database")
    }
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    guard version <= self.version else {
      throw Fault.foreign("\(path) has the version \(version); this server reads versions up to \(self.version)")
    }
  }
}
