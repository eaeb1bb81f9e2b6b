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
    var pending: [Slot: UsageCounts] = [:]
    /// Requests for which there was no room in ``pending``.
    var lost = 0
  }

  static let file = SQLiteFile(
    // "infu"
    contents: "usage", mark: 0x696E_6675, version: 1,
    schema: """
      CREATE TABLE IF NOT EXISTS usage (
        hour INTEGER NOT NULL, key TEXT NOT NULL, model TEXT NOT NULL, requests INTEGER NOT NULL,
        prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, generated_tokens INTEGER NOT NULL,
        reasoning_tokens INTEGER NOT NULL, seconds REAL NOT NULL, PRIMARY KEY (hour, key, model)) WITHOUT ROWID
      """, patience: 0.2)
  /// Payers and hours that are kept in memory at most.
  private static let limit = 100_000
  /// The hours that there are: those of the years from 1970 to 9999.
  private static let allHours = 0..<70_389_528

  private let connection: SQLiteConnection
  private let logger: Logger
  private let state = Monitor(State())

  /// Opens a file, which is made unless it is there. A damaged one is moved aside.
  ///
  /// - Parameter isServing: `false` for who only looks at a file, and leaves one that is damaged where it is.
  /// - Throws: ``CommandFailure`` for another program's database, and for a file that cannot be made.
  init(path: String, isServing: Bool = true, logger: Logger) throws(CommandFailure) {
    self.logger = logger
    do throws(SQLiteFile.Fault) {
      connection = try SQLiteConnection(Self.file, path: path, isServing: isServing, logger: logger)
    } catch { throw CommandFailure(error.reason) }
  }

  /// Adds a request's cost, which is in the file when this returns, unless that cannot be written.
  func add(_ counts: UsageCounts, of payer: Payer, at time: Date = Date()) {
    let hour = Self.hour(of: time)
    let isFirstLost = state.withLock { state in
      let slot = Slot(hour: hour, payer: payer)
      guard state.pending[slot] != nil || state.pending.count < Self.limit else {
        state.lost += 1
        return state.lost == 1
      }
      state.pending[slot, default: UsageCounts()] += counts
      write(&state)
      return false
    }
    if isFirstLost { logger.error("usage is lost", metadata: ["reason": "too much waits for the file"]) }
  }

  /// Writes what is pending.
  private func write(_ state: inout State, insists: Bool = false) {
    guard !state.pending.isEmpty else { return }
    let pending = state.pending
    do throws(SQLiteFile.Fault) {
      try connection.use(insists: insists) { queue in
        try queue.write { database in
          for (slot, counts) in pending { try Self.insert(counts, slot, database) }
        }
      }
      (state.pending, state.lost) = ([:], 0)
    } catch {
      // Told by the connection.
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
    let end = end.map(hour) ?? allHours.upperBound
    return min(start.map(hour) ?? 0, end)..<end
  }

  /// The hour of a moment, or the first or last that there is: a clock may be set to anything.
  private static func hour(of time: Date) -> Int {
    let hours = (time.timeIntervalSince1970 / 3600).rounded(.down)
    return Int(min(max(hours, Double(allHours.lowerBound)), Double(allHours.upperBound - 1)))
  }

  /// Writes what is pending, if that can be.
  func flush() { state.withLock { write(&$0, insists: true) } }

  /// Writes what is pending as soon as that can be, until the task is cancelled.
  func writeLater() async {
    while (try? await Task.sleep(for: SQLiteConnection.pause)) != nil {
      if connection.isFailing { flush() }
    }
  }

  /// Writes what is pending for the last time, and tells what is lost.
  func close() {
    flush()
    let requests = state.withLock { state in state.pending.values.reduce(state.lost) { $0 + $1.requests } }
    guard requests > 0 else { return }
    logger.error("usage is lost", metadata: ["reason": "the server ends", "requests": "\(requests)"])
  }

  /// What was used in a time.
  ///
  /// - Parameters:
  ///   - hours: Hours since 1970.
  ///   - key: The key whose usage it is; `nil` for that of all.
  /// - Throws: ``CommandFailure`` when the file cannot be read.
  func rows(in hours: Range<Int>, of key: String? = nil) throws(CommandFailure) -> [UsageRow] {
    flush()
    do throws(SQLiteFile.Fault) {
      return try connection.use(insists: true, changes: false) { queue in
        try queue.read { database in
          try Row.fetchAll(
            database,
            sql:
              "SELECT * FROM usage WHERE hour >= ? AND hour < ? AND (? IS NULL OR key = ?) ORDER BY hour, key, model",
            arguments: [hours.lowerBound, hours.upperBound, key, key]
          ).map(UsageRow.init)
        }
      }
    } catch { throw CommandFailure(error.reason) }
  }
}

/// What a key has used of a model in an hour.
struct UsageRow: Equatable, Sendable {
  var hour: Int
  var payer: UsageLedger.Payer
  var counts: UsageCounts

  /// A row of the file. SQLite takes any value in any column: what is no number counts as none.
  fileprivate init(_ row: Row) {
    hour = Int(Self.number(row, "hour"))
    payer = UsageLedger.Payer(key: Self.text(row, "key"), model: Self.text(row, "model"))
    counts = UsageCounts()
    counts.requests = Self.count(row, "requests")
    counts.promptTokens = Self.count(row, "prompt_tokens")
    counts.cachedTokens = Self.count(row, "cached_tokens")
    counts.generatedTokens = Self.count(row, "generated_tokens")
    counts.reasoningTokens = Self.count(row, "reasoning_tokens")
    counts.seconds = Self.number(row, "seconds")
  }

  init(hour: Int, payer: UsageLedger.Payer, counts: UsageCounts) {
    (self.hour, self.payer, self.counts) = (hour, payer, counts)
  }

  private static func text(_ row: Row, _ column: String) -> String {
    (row[column] as DatabaseValue?).flatMap(String.fromDatabaseValue) ?? ""
  }

  /// A number from 0 on, within what sums can be made of.
  private static func number(_ row: Row, _ column: String) -> Double {
    let value = (row[column] as DatabaseValue?).flatMap(Double.fromDatabaseValue) ?? 0
    return min(max(value, 0), Double(UsageCounts.largest))
  }

  private static func count(_ row: Row, _ column: String) -> Int { Int(number(row, column)) }
}
