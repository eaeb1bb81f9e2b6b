import Foundation

/// A file that lines are added to, and that makes way for a new one when it has grown to a size: `log` becomes `log.1`, that
/// becomes `log.2`, and so on. For one thread at a time.
///
/// A line is never split between files, and one that cannot be written whole is not there at all.
final class RotatingFile {
  /// A failure with a file, in words.
  struct Fault: Error, Equatable, CustomStringConvertible { let description: String }

  let path: String
  private let byteLimit: Int
  private let kept: Int
  private var descriptor: Int32
  private var identity: Identity
  /// Whether the file ends within a line whose rest could not be written.
  private var endsWithinLine = false

  /// How long a device may take no more, in milliseconds.
  private static let patience: Int32 = 1000

  /// Opens a file, or makes it, readable and writable for its owner alone.
  ///
  /// - Parameters:
  ///   - byteLimit: The size at which it makes way; a line that is longer has a file of its own.
  ///   - kept: The number of earlier files that are kept.
  /// - Throws: ``Fault`` for what is neither a file nor a device, or cannot be opened.
  init(path: String, byteLimit: Int, keeping kept: Int) throws(Fault) {
    // Beyond a limit of the process, the write is to fail, and not to end it.
    signal(SIGXFSZ, SIG_IGN)
    (self.path, self.byteLimit, self.kept) = (path, byteLimit, kept)
    (descriptor, identity) = try Self.open(path)
  }

  deinit { close(descriptor) }

  /// Looks whether lines can be added to a file, or it can be made. Makes none.
  ///
  /// - Throws: ``Fault`` where they cannot.
  static func check(_ path: String) throws(Fault) {
    if Identity(path) != nil {
      guard unsafe access(path, W_OK) == 0 else { throw fault(path, "cannot be opened") }
      return
    }
    guard !FileManager.default.fileExists(atPath: path) else { throw fault(ofKind: path) }
    let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
    guard unsafe access(folder, W_OK | X_OK) == 0 else { throw fault(path, "cannot be opened") }
  }

  /// Goes on in the file that has the path now.
  ///
  /// - Throws: ``Fault`` where that cannot be opened; lines then go on to where they went.
  func reopen() throws(Fault) {
    let opened = try Self.open(path)
    close(descriptor)
    (descriptor, identity) = opened
    endsWithinLine = false
  }

  /// Adds a line, which ends with its line break.
  ///
  /// - Throws: ``Fault`` where it cannot be written: none of it is then there.
  func write(_ line: [UInt8]) throws(Fault) {
    var size = lseek(descriptor, 0, SEEK_END)
    if identity.isRegular, size > 0, Int(size) + line.count > byteLimit {
      try rotate()
      size = lseek(descriptor, 0, SEEK_END)
    }
    if endsWithinLine {
      try put([UInt8(ascii: "\n")])
      endsWithinLine = false
      size = lseek(descriptor, 0, SEEK_END)
    }
    do { try put(line) } catch {
      if identity.isRegular, ftruncate(descriptor, size) != 0 { endsWithinLine = true }
      throw error
    }
  }

  private func put(_ bytes: [UInt8]) throws(Fault) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if count < 0, errno == EAGAIN {
        var state = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard unsafe poll(&state, 1, Self.patience) > 0 else { throw Fault(description: "\(path) takes no more") }
      } else if count == 0 || errno != EINTR {
        throw Self.fault(path, "cannot be written")
      }
    }
  }

  /// Gives the file the first of the earlier names, each of those the next, and opens a new one.
  private func rotate() throws(Fault) {
    // Somebody else may have moved it.
    if Identity(path) == identity {
      for number in stride(from: kept - 1, through: 1, by: -1) {
        try move("\(path).\(number)", to: "\(path).\(number + 1)")
      }
      if kept > 0 {
        try move(path, to: "\(path).1")
      } else if unsafe unlink(path) != 0 {
        throw Self.fault(path, "cannot be removed")
      }
    }
    try reopen()
  }

  private func move(_ name: String, to other: String) throws(Fault) {
    guard unsafe rename(name, other) != 0, errno != ENOENT else { return }
    throw Self.fault(name, "cannot be renamed to \(other)")
  }

  private static func open(_ path: String) throws(Fault) -> (descriptor: Int32, identity: Identity) {
    // Not to wait for the reader of a pipe.
    let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK
    let descriptor = unsafe Foundation.open(path, flags, 0o600)
    guard descriptor >= 0 else { throw fault(path, "cannot be opened") }
    guard let identity = Identity(path) else {
      close(descriptor)
      throw fault(ofKind: path)
    }
    return (descriptor, identity)
  }

  private static func fault(ofKind path: String) -> Fault {
    Fault(description: "\(path) is neither a file nor a device")
  }

  private static func fault(_ path: String, _ what: String) -> Fault {
    Fault(description: "\(path) \(what): \(unsafe String(cString: strerror(errno)).lowercased())")
  }
}

/// Which file has a path.
private struct Identity: Equatable {
  private let numbers: [UInt64]
  /// Whether it is one that has a size, and not a device.
  let isRegular: Bool

  /// `nil` for what is neither a file nor a device.
  init?(_ path: String) {
    let resolved = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolved),
      let type = attributes[.type] as? FileAttributeType, type == .typeRegular || type == .typeCharacterSpecial
    else { return nil }
    isRegular = type == .typeRegular
    numbers = [FileAttributeKey.systemNumber, .systemFileNumber].map { (attributes[$0] as? NSNumber)?.uint64Value ?? 0 }
  }
}
