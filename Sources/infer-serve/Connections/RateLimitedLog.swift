import InferCore
import Logging

/// A log for what clients cause as often as they like: some lines a second of each message, and then how many were
/// left out.
final class RateLimitedLog: Sendable {
  private struct Window {
    var start = ContinuousClock.now
    var lines = 0
    var omitted = 0
  }

  /// Lines of one message in a second at most.
  private static let limit = 5

  private let logger: Logger
  private let windows = Monitor<[String: Window]>([:])

  init(_ logger: Logger) { self.logger = logger }

  /// Logs an event whose message is one of a fixed few.
  func log(_ level: Logger.Level, _ message: StaticString, _ metadata: Logger.Metadata) {
    let name = "\(message)"
    let omitted: Int? = windows.withLock { windows in
      var window = windows[name] ?? Window()
      defer { windows[name] = window }
      let omitted = window.omitted
      if ContinuousClock.now - window.start >= .seconds(1) { window = Window() }
      guard window.lines < Self.limit else {
        window.omitted += 1
        return nil
      }
      window.lines += 1
      window.omitted = 0
      return omitted
    }
    guard let omitted else { return }
    var metadata = metadata
    if omitted > 0 { metadata["omitted"] = "\(omitted)" }
    logger.log(level: level, "\(name)", metadata: metadata)
  }
}
