public import ArgumentParser
import Foundation
import InferMetrics
public import Logging

/// The level, form and contents of the log.
struct LogOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Least severe log lines: trace, debug, info, notice, warning, error or critical.", valueName: "level"))
  var logLevel = Logger.Level.info

  @Option(help: ArgumentHelp("Form of log lines: text or json.", valueName: "form"))
  var logFormat = LogFormat.text

  @Option(
    help: ArgumentHelp(
      """
      File for requests and their answers, whole, as JSON lines. It is readable for its owner alone, and opened anew on \
      SIGHUP. Without this option no prompt and no answer is logged.
      """, valueName: "file"), transform: PathArgument.init)
  var logRequests: PathArgument?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Size at which the file of --log-requests gets the name FILE.1, and a new one begins.", valueName: "MiB"))
  var logRequestsMaxMib = 100

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Earlier files of --log-requests that are kept, FILE.1 to FILE.N.", valueName: "count"))
  var logRequestsKeep = 5

  func validate() throws {
    try require(1...1_048_576, "log-requests-max-mib", logRequestsMaxMib)
    try require(0...1000, "log-requests-keep", logRequestsKeep)
  }

  /// The log of whole requests and answers; `nil` for none.
  ///
  /// - Throws: ``CommandFailure`` for a file that cannot be opened.
  func requestLog(_ metrics: ServerMetrics, _ logger: Logger) throws(CommandFailure) -> RequestLog? {
    guard let logRequests else { return nil }
    let file = try Self.orFailure { () throws(RotatingFile.Fault) in
      try RotatingFile(path: logRequests.description, byteLimit: logRequestsMaxMib << 20, keeping: logRequestsKeep)
    }
    logger.notice("requests are logged", metadata: ["file": "\(file.path)"])
    return RequestLog(file, metrics: metrics, logger: logger)
  }

  /// - Throws: ``CommandFailure`` for a file that could not be opened.
  func checkFiles() throws(CommandFailure) {
    guard let logRequests else { return }
    try Self.orFailure { () throws(RotatingFile.Fault) in try RotatingFile.check(logRequests.description) }
  }

  private static func orFailure<Result>(
    _ body: () throws(RotatingFile.Fault) -> Result
  ) throws(CommandFailure) -> Result {
    do throws(RotatingFile.Fault) { return try body() } catch { throw CommandFailure("--log-requests: \(error)") }
  }

  /// The server's logger.
  func logger(_ metrics: ServerMetrics) -> Logger {
    LineWriter.standardError.describeDropped { [logFormat] count in
      LogOutput.line(
        logFormat, level: .warning, message: "log lines dropped", fields: [(key: "count", value: "\(count)")],
        date: Date())
    }
    return Logger(label: "infer-serve") { [logLevel, logFormat] label in
      LogOutput(
        logLevel: logLevel, label: label, format: logFormat,
        noteDropped: { metrics.logLinesDropped().increment() })
    }
  }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
extension LogFormat: ExpressibleByArgument {}
