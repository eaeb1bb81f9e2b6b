import Foundation
import GRDB
import InferCore
import Logging

/// The tokens that keys and models have used, by hours, in an SQLite file.
///
/// A request's cost is in the file before its answer is over, so that a process that dies has lost none that was answered.
/// While the file cannot be written, costs are kept in memory and written with the next.
final class UsageLedger: Sendable {
  /// Whom a cost belongs to: a key's name, empty for none, and a model's.
  struct Payer: Hashable, Sendable {
    var key: String
    var model: String
  }

  private struct Slot: Hashable {
    /// Hours since 1970, by the wall clock.
    var hour: Int
    var payer: Payer
  }

  private struct State {
    /// `nil` while the file cannot be opened.
    var queue: DatabaseQueue?
    var pending: [Slot: UsageCounts] = [:]
    var isFailing = false
    /// When a file that cannot be used is tried again.
    var nextTry = ContinuousClock.now
  }

  private static let file = SQLiteFile(
    // "infu"
    contents: "usage", mark: 0x696E_6675, version: 1,
    schema: """
      CREATE TABLE IF NOT EXISTS usage (
        hour INTEGER NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, generated_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (hour, key, model)) WITHOUT ROWID
      """, patience: 0.2)
  /// The longest pause between two tries of a file that cannot be written.
  private static let pause = Duration.seconds(1)
  /// Payers and hours that are kept in memory at most.
  private static let limit = 100_000

  private let path: String
  private let logger: Logger
  private let state = Monitor(State())

  /// Opens a file, which is made unless it is there. A damaged one is moved aside.
  ///
  /// - Throws: ``CommandFailure`` for another program's database, and for a file that cannot be made.
  init(path: String, logger: Logger) throws(CommandFailure) {
    self.path = path
    self.logger = logger
    do { try open() } catch { throw CommandFailure(error.reason) }
  }

  private func open() throws(SQLiteFile.Fault) {
    let queue: DatabaseQueue
    do { queue = try Self.file.open(path) } catch {
      guard case .damaged(let reason) = error else { throw error }
      try moveAside(because: reason)
      queue = try Self.file.open(path)
    }
    state.withLock { $0.queue = queue }
  }

  /// Gives a damaged file another name, beside it.
  private func moveAside(because reason: String) throws(SQLiteFile.Fault) {
    let name = "\(path).damaged-\(Int(Date().timeIntervalSince1970))"
    do {
      try FileManager.default.moveItem(atPath: path, toPath: name)
      // Its journal belongs to it.
      for suffix in ["-wal", "-shm"] where FileManager.default.fileExists(atPath: path + suffix) {
        try FileManager.default.moveItem(atPath: path + suffix, toPath: name + suffix)
      }
    } catch { throw .unusable("\(reason), and it cannot be moved aside: \(error.localizedDescription)") }
    logger.error("usage file moved aside", metadata: ["reason": "\(reason)", "to": "\(name)"])
  }

  /// Adds a request's cost, which is in the file when this returns, unless that cannot be written.
  func add(_ counts: UsageCounts, of payer: Payer, at time: Date = Date()) {
    let hour = Self.hour(of: time)
    state.withLock { state in
      let slot = Slot(hour: hour, payer: payer)
      guard state.pending[slot] != nil || state.pending.count < Self.limit else { return }
      state.pending[slot, default: UsageCounts()] += counts
      guard !state.isFailing || state.nextTry <= .now else { return }
      write(&state)
    }
  }

  /// Writes what is pending.
  private func write(_ state: inout State) {
    guard !state.pending.isEmpty else { return }
    do {
      if state.queue == nil { state.queue = try Self.file.open(path) }
      guard let queue = state.queue else { return }
      try queue.write { [pending = state.pending] database in
        for (slot, counts) in pending { try Self.insert(counts, slot, database) }
      }
      if state.isFailing { logger.notice("usage is written again", metadata: ["file": "\(path)"]) }
      state.pending = [:]
      state.isFailing = false
    } catch {
      if !state.isFailing { logger.error("usage not written", metadata: ["error": "\(error)"]) }
      state.isFailing = true
      state.nextTry = .now + Self.pause
      guard let error = error as? DatabaseError, [.SQLITE_CORRUPT, .SQLITE_NOTADB].contains(error.resultCode) else {
        return
      }
      state.queue = nil
      try? moveAside(because: "\(path) is damaged: \(error)")
    }
  }

  private static func insert(_ counts: UsageCounts, _ slot: Slot, _ database: Database) throws {
    try database.execute(
      sql: """
        INSERT INTO usage VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hour, key, model) DO UPDATE SET
          requests = requests + excluded.requests, prompt_tokens = prompt_tokens + excluded.prompt_tokens,
          cached_tokens = cached_tokens + excluded.cached_tokens,
          generated_tokens = generated_tokens + excluded.generated_tokens,
          reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens, seconds = seconds + excluded.seconds
        """,
      arguments: [
        slot.hour, slot.payer.key, slot.payer.model, counts.requests, counts.promptTokens, counts.cachedTokens,
        counts.generatedTokens, counts.reasoningTokens, counts.seconds,
      ])
  }

  /// The hours since 1970 from one moment to another; none where the second is before the first.
  static func hours(from start: Date?, to end: Date?) -> Range<Int> {
    let end = end.map(hour) ?? 1 << 40
    return min(start.map(hour) ?? 0, end)..<end
  }

  private static func hour(of time: Date) -> Int { Int((time.timeIntervalSince1970 / 3600).rounded(.down)) }

  /// Writes what is pending, if that can be.
  func flush() { state.withLock { write(&$0) } }

  /// What was used in a time.
  ///
  /// - Parameters:
  ///   - hours: Hours since 1970.
  ///   - key: The key whose usage it is; `nil` for that of all.
  /// - Throws: ``CommandFailure`` when the file cannot be read.
  func rows(in hours: Range<Int>, of key: String? = nil) throws(CommandFailure) -> [UsageRow] {
    flush()
    guard let queue = state.withLock({ $0.queue }) else { throw CommandFailure("the usage in \(path) cannot be read") }
    do {
      return try queue.read { database in
        try Row.fetchAll(
          database,
          sql: "SELECT * FROM usage WHERE hour >= ? AND hour < ? AND (? IS NULL OR key = ?) ORDER BY hour, key, model",
          arguments: [hours.lowerBound, hours.upperBound, key, key]
        ).map(UsageRow.init)
      }
    } catch { throw CommandFailure("the usage in \(path) cannot be read: \(error)") }
  }
}

/// What a key has used of a model in an hour.
struct UsageRow: Equatable, Sendable {
  var hour: Int
  var payer: UsageLedger.Payer
  var counts: UsageCounts

  fileprivate init(_ row: Row) {
    hour = row["hour"]
    payer = UsageLedger.Payer(key: row["key"], model: row["model"])
    counts = UsageCounts()
    counts.requests = row["requests"]
    counts.promptTokens = row["prompt_tokens"]
    counts.cachedTokens = row["cached_tokens"]
    counts.generatedTokens = row["generated_tokens"]
    counts.reasoningTokens = row["reasoning_tokens"]
    counts.seconds = row["seconds"]
  }

  init(hour: Int, payer: UsageLedger.Payer, counts: UsageCounts) {
    (self.hour, self.payer, self.counts) = (hour, payer, counts)
  }
}
