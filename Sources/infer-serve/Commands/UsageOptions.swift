import ArgumentParser
import Logging

/// Where usage is kept, and its prices.
struct UsageOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "SQLite file for the tokens that keys and models use, by hours (/usage, 'infer-serve usage').",
      valueName: "file"), transform: PathArgument.init)
  var usageDb: PathArgument?

  @Option(
    help: ArgumentHelp(
      """
      YAML file of prices for a million tokens: 'currency', and 'models' with 'input', 'cached', 'output' and \
      'thinking' for each; '*' stands for all others.
      """, valueName: "file"), transform: PathArgument.init)
  var prices: PathArgument?

  /// The ledger; `nil` where nobody counts.
  func ledger(_ logger: Logger) throws(CommandFailure) -> UsageLedger? {
    guard let usageDb else { return nil }
    return try UsageLedger(path: usageDb.description, logger: logger)
  }

  /// - Throws: ``CommandFailure`` for another program's database, and for a file that could not be made.
  func checkFiles() throws(CommandFailure) {
    guard let usageDb else { return }
    do throws(SQLiteFile.Fault) { try UsageLedger.file.check(usageDb.description) } catch {
      throw CommandFailure(error.reason)
    }
  }

  /// The prices; none without a file.
  func priceTable() throws(CommandFailure) -> PriceTable {
    guard let prices else { return PriceTable() }
    return try PriceFile.read(prices.description)
  }
}
