import Foundation
import Glibc
import InferCore

/// The terminal of standard input and output.
final class TerminalDevice: Sendable {
  /// The ways in which a terminal passes keys on.
  enum Mode {
    /// As it was found.
    case original
    /// Every key is read at once, ctrl-C too.
    case editing
    /// Keys wait, unseen, and ctrl-C is a signal.
    case quiet
  }

  private let original: Monitor<termios>

  /// The terminal; `nil` where either is none, or one that knows no sequences to move its cursor.
  init?(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, environment["TERM"] != "dumb" else { return nil }
    var state = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &state) == 0 else { return nil }
    original = Monitor(state)
  }

  func set(_ mode: Mode) {
    var state = original.withLock { $0 }
    switch mode {
    case .original: break
    case .editing, .quiet:
      state.c_iflag &= ~tcflag_t(ICRNL | INLCR | IGNCR | IXON)
      state.c_lflag &= ~tcflag_t(ICANON | ECHO | IEXTEN)
      if mode == .editing { state.c_lflag &= ~tcflag_t(ISIG) }
      unsafe withUnsafeMutableBytes(of: &state.c_cc) { characters in
        unsafe characters[Int(VMIN)] = 1
        unsafe characters[Int(VTIME)] = 0
      }
    }
    unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &state)
  }

  /// Columns and rows.
  var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
      return (80, 24)
    }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// The outcome of reading.
  enum Input: Equatable { case byte(UInt8), nothing, end }

  /// The next byte of the keyboard; nothing after so many milliseconds, or -1 for waiting as long as it takes.
  func read(within milliseconds: Int32 = -1) -> Input {
    while true {
      var state = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      let ready = unsafe poll(&state, 1, milliseconds)
      if ready == 0 { return .nothing }
      if ready < 0, errno == EINTR { continue }
      guard ready > 0 else { return .end }
      var byte: UInt8 = 0
      let count = unsafe Glibc.read(STDIN_FILENO, &byte, 1)
      if count == 1 { return .byte(byte) }
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      return .end
    }
  }

  /// `true` when there is a byte to read.
  var hasInput: Bool {
    var state = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    return unsafe poll(&state, 1, 0) > 0
  }

  /// Stops the process until the shell goes on with it.
  func suspend() {
    set(.original)
    // To this thread, so that it is stopped before it goes on; those that tasks share take no signals, nor do their own.
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    unsafe sigaddset(&signals, SIGTSTP)
    unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    raise(SIGTSTP)
  }
}
