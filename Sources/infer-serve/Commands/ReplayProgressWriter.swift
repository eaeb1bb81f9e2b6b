/// Writes the progress of a run to standard error: a moving bar on a terminal, a line every five seconds elsewhere.
struct ReplayProgressWriter {
  /// Writes until the task is cancelled.
  func follow(_ driver: ReplayDriver) async {
    let columns = ProgressReport.standardErrorColumns
    let pause = Duration.milliseconds(columns != nil ? 200 : 5000)
    while (try? await Task.sleep(for: pause)) != nil, let progress = try? await driver.currentProgress() {
      if let columns {
        LineWriter.standardError.show(progress.bar(columns: columns()))
      } else {
        note("infer-serve: \(progress.text)")
      }
    }
    if columns != nil { LineWriter.standardError.show("") }
  }
}
