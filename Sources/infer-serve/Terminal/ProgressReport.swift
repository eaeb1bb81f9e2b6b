import Foundation
import Glibc
import InferCore

/// Tells on standard error how far something is that takes long: a bar that moves on a terminal, a line now and then
/// elsewhere. What is over soon is not told of.
final class ProgressReport: Sendable {
  private struct State {
    let start: ContinuousClock.Instant
    var told: ContinuousClock.Instant
    var isOver = false
  }

  private let title: String
  private let writer: LineWriter
  /// The width of the terminal; `nil` where there is none.
  private let columns: (@Sendable () -> Int)?
  private let pause: Duration
  private let state: Monitor<State>

  /// - Parameters:
  ///   - title: What is done, as in `loading`.
  ///   - lines: The time before the first line and between lines, where there is no terminal.
  ///   - writer: Where to tell it.
  ///   - columns: The width of the terminal behind `writer`; `nil` where there is none.
  init(
    _ title: String, lines: Duration = .seconds(2), to writer: LineWriter = .standardError,
    columns: (@Sendable () -> Int)? = ProgressReport.standardErrorColumns
  ) {
    self.title = title
    self.writer = writer
    self.columns = columns
    pause = columns == nil ? lines : .milliseconds(100)
    let now = ContinuousClock.now
    // A bar waits a little longer for its first time.
    state = Monitor(State(start: now, told: columns == nil ? now : now + .milliseconds(200)))
  }

  /// `true` on a terminal.
  var isMoving: Bool { columns != nil }

  /// Tells how far it is, if it is time to.
  ///
  /// - Parameters:
  ///   - share: Of all there is to do, from 0 to 1.
  ///   - text: The same in words.
  func update(_ share: Double, _ text: @autoclosure () -> String) {
    state.withLock { state in
      let now = ContinuousClock.now
      guard !state.isOver, now - state.told >= pause else { return }
      state.told = now
      guard let columns else {
        writer.write("infer-serve: \(title): \(text())")
        return
      }
      let left = Self.timeLeft(share, now - state.start).map { ", \($0) left" } ?? ""
      writer.show(Self.bar(share, "\(title): \(text())\(left)", columns: columns()))
    }
  }

  /// Removes the bar; nothing is told from then on.
  func end() {
    state.withLock { state in
      state.isOver = true
      if isMoving { writer.show("") }
    }
  }

  /// One line with a bar, for a terminal of so many columns.
  static func bar(_ share: Double, _ text: String, columns: Int) -> String {
    let full = Int(max(0, min(1, share)) * Double(barWidth))
    let bar = String(repeating: "#", count: full) + String(repeating: "-", count: barWidth - full)
    return String("[\(bar)] \(TerminalText.line(text))".prefix(columns: max(1, columns - 1)))
  }

  private static let barWidth = 24

  /// The time that is left, if all of it goes as what is done did; `nil` while too little is done to tell.
  static func timeLeft(_ share: Double, _ elapsed: Duration) -> String? {
    guard share > 0.02, share <= 1, elapsed >= .seconds(1) else { return nil }
    let seconds = Int(min(elapsed.seconds * (1 - share) / share, 1e9).rounded(.up))
    return seconds < 60
      ? "\(seconds) s"
      : seconds < 3600 ? "\(seconds / 60) min \(seconds % 60) s" : "\(seconds / 3600) h \(seconds / 60 % 60) min"
  }

  /// The width of the terminal that standard error is, now; `nil` where it is none, or one that cannot draw a line anew.
  static var standardErrorColumns: (@Sendable () -> Int)? {
    guard isatty(STDERR_FILENO) == 1, ProcessInfo.processInfo.environment["TERM"] != "dumb" else { return nil }
    return {
      var size = winsize()
      let result = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size)
      return result == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }
  }
}

extension ProgressReport {
  /// Tells how far reading or writing a model is.
  func update(_ progress: LoadProgress) { update(progress.share, progress.text) }
}

extension LoadProgress {
  /// The share of what there is to read, from 0 to 1.
  var share: Double { bytesTotal == 0 ? 1 : Double(bytesDone) / Double(bytesTotal) }

  /// For people, as `35 % of 1200.0 MiB`.
  var text: String { "\(Int(share * 100)) % of \(Quantity.mebibytes(bytesTotal))" }
}
