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
