import ArgumentParser
import Foundation
import InferText
import Logging

/// `infer-serve usage`: what a server has counted, from its file, while it runs or later.
struct UsageCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "usage", abstract: "Tells the tokens that keys and models have used, and what they cost.")

  /// A way of printing.
  enum Format: String, CaseIterable, ExpressibleByArgument { case table, csv, json }

  @OptionGroup var options: UsageOptions

  @Option(help: ArgumentHelp("What tells sums apart: hour, day, key and model, with commas.", valueName: "list"))
  var by = "key,model"

  @Option(help: ArgumentHelp("The first moment, as 2027-01-31T00:00:00Z; hours count as a whole.", valueName: "time"))
  var from: String?

  @Option(help: ArgumentHelp("The moment behind the last.", valueName: "time"))
  var to: String?

  @Option(help: ArgumentHelp("Print a table, CSV or JSON.", valueName: "format"))
  var format = Format.table

  func validate() throws {
    guard options.usageDb != nil else { throw ValidationError("Missing expected argument '--usage-db <file>'") }
    _ = try time(from, "from")
    _ = try time(to, "to")
    _ = try groupings()
  }

  func run() throws {
    guard let path = options.usageDb?.description else { return }
    guard FileManager.default.fileExists(atPath: path) else { throw CommandFailure("there is no file \(path)") }
    let ledger = try UsageLedger(path: path, isServing: false, logger: HTTPServer.quietLogger)
    let rows = try ledger.rows(in: UsageLedger.hours(from: try time(from, "from"), to: try time(to, "to")))
    let report = UsageReport(rows, by: try groupings(), prices: try options.priceTable())
    switch format {
    case .csv: try emit(report.csv)
    case .json: try emit(report.json.serialized(.pretty) + "\n")
    case .table: try emit(table([report.columns] + report.lines.map(report.values)))
    }
  }

  private func groupings() throws -> [UsageReport.Grouping] {
    do throws(APIError) { return try UsageEndpoint.groupings(by) } catch {
      throw ValidationError("--\(error.message)")
    }
  }

  private func time(_ text: String?, _ name: String) throws -> Date? {
    guard let text else { return nil }
    guard let date = Timestamp.date(text) else {
      throw ValidationError("--\(name) must be a time like 2027-01-31T00:00:00Z, not '\(text)'")
    }
    return date
  }
}
