import Foundation
import GRDB
import InferText
import TestSupport
import Testing

@testable import infer_serve

struct UsageLedgerTests {
  private let folder: TemporaryFolder
  private var path: String { folder.url.appending(path: "usage.db").path }

  init() throws { folder = try TemporaryFolder() }

  private func open() throws -> UsageLedger { try UsageLedger(path: path, logger: HTTPServer.quietLogger) }

  private func counts(_ prompt: Int, cached: Int = 0, generated: Int = 0, reasoning: Int = 0) -> UsageCounts {
    var counts = UsageCounts()
    counts.requests = 1
    (counts.promptTokens, counts.cachedTokens) = (prompt, cached)
    (counts.generatedTokens, counts.reasoningTokens) = (generated, reasoning)
    counts.seconds = 0.5
    return counts
  }

  private let payer = UsageLedger.Payer(key: "k", model: "m")
  private let time = Date(timeIntervalSince1970: 7200)

  @Test func costsAreAddedUpByHourKeyAndModel() throws {
    let ledger = try open()
    for _ in 0..<3 { ledger.add(counts(10, cached: 4, generated: 5, reasoning: 2), of: payer, at: time) }
    ledger.add(counts(1), of: payer, at: time + 3600)
    ledger.add(counts(7), of: UsageLedger.Payer(key: "", model: "m"), at: time)
    // Another process finds what was added, though nobody closed the file.
    let rows = try open().rows(in: 0..<10)
    #expect(rows.map(\.hour) == [2, 2, 3] && rows.map(\.payer.key) == ["", "k", "k"])
    #expect(rows[1].counts.requests == 3 && rows[1].counts.promptTokens == 30 && rows[1].counts.cachedTokens == 12)
    #expect(
      rows[1].counts.generatedTokens == 15 && rows[1].counts.reasoningTokens == 6 && rows[1].counts.seconds == 1.5)
    #expect(try ledger.rows(in: 3..<4, of: "k").map(\.counts.promptTokens) == [1])
    #expect(try ledger.rows(in: 0..<10, of: "x").isEmpty)
  }

  @Test func timesInTheWrongOrderAreNone() {
    #expect(UsageLedger.hours(from: time + 7200, to: time).isEmpty)
    #expect(UsageLedger.hours(from: time, to: Date(timeIntervalSince1970: -7200)).isEmpty)
    #expect(UsageLedger.hours(from: time, to: time + 7200) == 2..<4)
    #expect(UsageLedger.hours(from: nil, to: nil).contains(2))
  }

  /// While somebody else has the file locked, costs wait in memory.
  @Test func aLockedFileLosesNothing() throws {
    let ledger = try open()
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try other.inDatabase { try $0.execute(sql: "BEGIN EXCLUSIVE") }
    for _ in 0..<3 { ledger.add(counts(10), of: payer, at: time) }
    try other.inDatabase { try $0.execute(sql: "COMMIT") }
    ledger.flush()
    #expect(try ledger.rows(in: 0..<10).map(\.counts.promptTokens) == [30])
  }

  @Test func aDamagedFileIsMovedAside() throws {
    try Data(repeating: 0x41, count: 10_000).write(to: URL(filePath: path))
    let ledger = try open()
    ledger.add(counts(10), of: payer, at: time)
    #expect(try ledger.rows(in: 0..<10).map(\.counts.promptTokens) == [10])
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.url.path)
    #expect(names.contains { $0.hasPrefix("usage.db.damaged-") })
  }

  private var names: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: folder.url.path).sorted() }
  }

  /// However often that happens in a second.
  @Test func damagedFilesDoNotTakeEachOthersPlaces() throws {
    for index in 0..<3 {
      try Data(repeating: UInt8(index), count: 10_000).write(to: URL(filePath: path))
      _ = try open()
    }
    let aside = try names.filter { $0.contains("damaged-") && !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
    let bytes = try aside.map { try Data(contentsOf: folder.url.appending(path: $0)).first }
    #expect(Set(bytes) == [0, 1, 2])
    #expect(throws: CommandFailure.self) {
      try Data(repeating: 0x41, count: 10_000).write(to: URL(filePath: path))
      // Who only looks leaves all where it is.
      _ = try UsageLedger(path: path, isServing: false, logger: HTTPServer.quietLogger)
    }
    #expect(try Data(contentsOf: URL(filePath: path)).first == 0x41)
  }

  /// Later usage is counted in a new file where the old one was removed or replaced.
  @Test(arguments: ["removed", "moved", "replaced"])
  func aFileThatIsLostWhileItIsUsedHasASuccessor(how: String) throws {
    let ledger = try open()
    ledger.add(counts(10), of: payer, at: time)
    for name in try names {
      let file = folder.url.appending(path: name)
      switch how {
      case "removed": try FileManager.default.removeItem(at: file)
      default: try FileManager.default.moveItem(at: file, to: folder.url.appending(path: "old-" + name))
      }
    }
    if how == "replaced" { _ = try open() }
    ledger.add(counts(7), of: payer, at: time)
    #expect(try ledger.rows(in: 0..<10).map(\.counts.promptTokens) == [7])
    #expect(try open().rows(in: 0..<10).map(\.counts.promptTokens) == [7])
  }

  /// A server starts all the same, and counts when it can.
  @Test func aFileThatIsLockedAtTheStartIsOpenedLater() throws {
    _ = try open()
    var configuration = Configuration()
    configuration.allowsUnsafeTransactions = true
    let other = try DatabaseQueue(path: path, configuration: configuration)
    try other.inDatabase { try $0.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE") }
    let ledger = try open()
    ledger.add(counts(10), of: payer, at: time)
    #expect(throws: CommandFailure.self) { try ledger.rows(in: 0..<10) }
    try other.inDatabase { try $0.execute(sql: "COMMIT") }
    try other.close()
    #expect(try ledger.rows(in: 0..<10).map(\.counts.promptTokens) == [10])
  }

  /// SQLite takes texts, bytes and any number in columns of integers.
  @Test func nothingInAFileBreaksItsReader() throws {
    let ledger = try open()
    let other = try DatabaseQueue(path: path)
    try other.write { database in
      for hour in ["1", "2", "2.5", "'x'", "x'00'", "-9223372036854775808", "9223372036854775807", "1e300"] {
        for model in ["'m'", "x'ff'"] {
          try database.execute(
            sql: """
              INSERT INTO usage VALUES (\(hour), 'k', \(model), 9223372036854775807, -9223372036854775808, 9e999, 'x', x'ff',
                9e999)
              """)
        }
      }
    }
    ledger.add(counts(1), of: UsageLedger.Payer(key: "k", model: "m"), at: Date(timeIntervalSince1970: 3600))
    let rows = try ledger.rows(in: UsageLedger.hours(from: nil, to: nil))
    #expect(rows.count == 6 && rows.allSatisfy { $0.counts.requests == UsageCounts.largest })
    let report = UsageReport(
      rows, by: [.hour, .day], prices: PriceTable(others: TokenPrices(input: 1, cached: 1, output: 1, thinking: 1)))
    #expect(report.lines.count == 2 && report.csv.contains("1970-01-01"))
  }

  /// A clock may be set to anything.
  @Test func hoursAreThoseOfTheCalendar() throws {
    let ledger = try open()
    for time in [
      Date.distantPast, .distantFuture, Date(timeIntervalSince1970: 1e300), Date(timeIntervalSince1970: -1e300),
    ] {
      ledger.add(counts(1), of: payer, at: time)
    }
    let rows = try ledger.rows(in: UsageLedger.hours(from: nil, to: nil))
    #expect(rows.map(\.counts.requests).reduce(0, +) == 4)
    #expect(UsageReport(rows, by: [.day], prices: PriceTable()).lines.map(\.groups[0]).last == "9999-12-31")
    #expect(
      UsageLedger.hours(from: Date(timeIntervalSince1970: -1e300), to: Date(timeIntervalSince1970: 1e300)).count > 0)
  }

  @Test func anotherProgramsFileIsLeftAlone() throws {
    try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE other (id INTEGER)") }
    let error = #expect(throws: CommandFailure.self) { try open() }
    #expect(error?.errorDescription?.contains("another program's database") == true)
    #expect(throws: CommandFailure.self) {
      try UsageLedger(path: "/nowhere/usage.db", logger: HTTPServer.quietLogger)
    }
  }

  @Test func sumsHavePrices() throws {
    let prices = try PriceFile.table(
      "currency: EUR\nmodels:\n  m: {input: 1, cached: 0.1, output: 4, thinking: 8}\n  '*': {input: 2, output: 3}",
      path: "p.yaml")
    let rows = [
      UsageRow(
        hour: 2, payer: payer, counts: counts(1_000_000, cached: 500_000, generated: 250_000, reasoning: 250_000)),
      UsageRow(hour: 26, payer: payer, counts: counts(0)),
      UsageRow(hour: 26, payer: UsageLedger.Payer(key: "=1+1", model: "x"), counts: counts(1_000_000, cached: 9)),
    ]
    let report = UsageReport(rows, by: [.key, .model], prices: prices)
    #expect(report.lines.map(\.groups) == [["=1+1", "x"], ["k", "m"]])
    #expect(report.lines.map(\.cost) == [2, 0.5 + 0.05 + 2])
    #expect(UsageReport(rows, by: [.day], prices: prices).lines.map(\.groups) == [["1970-01-01"], ["1970-01-02"]])
    #expect(UsageReport(rows, by: [.hour], prices: PriceTable()).lines.allSatisfy { $0.cost == nil })
    #expect(UsageReport([], by: [.key], prices: prices).csv.hasPrefix("key,requests,prompt_tokens,"))
    #expect(report.csv.contains("\r\n\"'=1+1\",x,1,1000000,9,0,0,0.500,2.000000\r\n"))
    // A sum of small costs is that of what they are.
    let little = UsageReport([UsageRow(hour: 2, payer: payer, counts: counts(1, cached: 1))], by: [], prices: prices)
    #expect(little.csv.hasSuffix(",0.0000001\r\n"), "\(little.csv)")
  }

  @Test(arguments: [
    ("models: {m: {input: 1}}", "output is missing"), ("models: {m: {input: -1, output: 1}}", "numbers from 0 on"),
    ("models: {m: {inptu: 1}}", "unknown key 'inptu'; did you mean 'input'?"), ("currency: EUR", "models is missing"),
    ("models: {m: {input: x, output: 1}}", "models.m.input"),
    ("currency: EUR\nmodels: [", "p.yaml:3: did not find"),
    ("models: {m: {input: 1, output: 1}}\nmodels: {}", "p.yaml:1: 'models' is there twice"),
    ("", "models is missing"),
  ])
  func faultsInPricesAreNamed(yaml: String, expected: String) {
    let error = #expect(throws: CommandFailure.self) { try PriceFile.table(yaml, path: "p.yaml") }
    #expect(error?.errorDescription?.contains(expected) == true, "\(error?.errorDescription ?? "")")
  }
}
