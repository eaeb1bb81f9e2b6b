import Glibc
import InferCore

/// The mode of a Unix socket's file, which it has from the moment when it is made: the process's mask is set meanwhile.
final class SocketMode: Sendable {
  private let mode: mode_t
  /// The mask that was there before; `nil` while it is.
  private let mask = Monitor<mode_t?>(nil)

  init(_ mode: mode_t) { self.mode = mode & 0o777 }

  /// The mode of an option, in octal digits as `0660`; `nil` for another text.
  init?(_ option: String) {
    guard (3...4).contains(option.utf8.count), let mode = mode_t(option, radix: 8), mode <= 0o777 else { return nil }
    self.mode = mode
  }

  /// A socket is about to be made.
  func begin() {
    mask.withLock { mask in
      if mask == nil { mask = umask(~mode & 0o777) }
    }
  }

  /// It has been made, or will not be.
  func end() {
    mask.withLock { mask in
      if let before = mask.take() { umask(before) }
    }
  }
}
