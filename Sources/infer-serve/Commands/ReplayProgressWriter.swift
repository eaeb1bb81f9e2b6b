import Foundation
import Glibc

/// Writes the progress of a run to standard error: a moving bar on a terminal, a line every five seconds elsewhere.
struct ReplayProgressWriter {
  private let isTerminal = isatty(STDERR_FILENO) == 1

  /// Writes until the task is cancelled.
  func follow(_ driver: ReplayDriver) async {
    let pause = Duration.milliseconds(isTerminal ? 200 : 5000)
    while (try? await Task.sleep(for: pause)) != nil, let progress = try? await driver.currentProgress() {
      if isTerminal {
        write("\r\u{1B}[K" + progress.bar(columns: columns))
      } else {
        note("infer-serve: \(progress.text)")
      }
    }
    if isTerminal { write("\r\u{1B}[K") }
  }

  private func write(_ text: String) { try? FileHandle.standardError.write(contentsOf: Data(text.utf8)) }

  private var columns: Int {
    var size = winsize()
    let result = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size)
    return result == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
  }
}
