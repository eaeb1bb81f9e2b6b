import Foundation

/// How far a run is.
struct ReplayProgress: Sendable {
  var total = 0
  var finished = 0
  var failed = 0
  var running = 0
  var outputTokens = 0
  /// Seconds since the start.
  var elapsed = 0.0

  /// One line.
  var text: String {
    var parts = ["\(finished)/\(total) requests", "\(running) running"]
    if failed > 0 { parts.append("\(failed) failed") }
    if elapsed > 0 {
      parts.append(String(format: "%.1f tok/s", Double(outputTokens) / elapsed))
      parts.append(String(format: "%.0f s", elapsed))
    }
    return parts.joined(separator: ", ")
  }

  /// One line with a bar, for a terminal of so many columns.
  func bar(columns: Int) -> String {
    ProgressReport.bar(total > 0 ? Double(finished) / Double(total) : 1, text, columns: columns)
  }
}
