import Foundation
import Glibc
import NIOCore

/// Where a server listens.
enum ListeningAddress: Sendable, Equatable, CustomStringConvertible {
  /// A host's name or address, and a port.
  case network(host: String, port: Int)
  /// A Unix socket.
  case socket(path: String)

  var description: String {
    switch self {
    case .network(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
    case .socket(let path): path
    }
  }

  var isSocket: Bool { if case .socket = self { true } else { false } }

  /// Refuses the path of a socket that somebody listens on, or of something that is no socket. One that a server has left
  /// behind is fine, and replaced.
  func checkFree() throws(CommandFailure) {
    guard case .socket(let path) = self else { return }
    guard let type = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType else {
      return
    }
    guard type == .typeSocket else {
      throw CommandFailure("cannot listen on \(path): it is there and no socket")
    }
    guard !Self.answers(path) else {
      throw CommandFailure("cannot listen on \(path): another process listens on it")
    }
  }

  /// The file of a socket that is listened on; `nil` for another address.
  var file: FileIdentity? { if case .socket(let path) = self { FileIdentity(path) } else { nil } }

  /// Removes a socket's file, which nobody listens on any more. One that has taken its place meanwhile is another server's.
  func remove(_ file: FileIdentity?) {
    guard case .socket(let path) = self, let file, FileIdentity(path) == file else { return }
    unsafe unlink(path)
  }

  /// Whether somebody takes connections on a socket.
  private static func answers(_ path: String) -> Bool {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    let descriptor = Glibc.socket(AF_UNIX, type, 0)
    defer { close(descriptor) }
    guard descriptor >= 0, let address = try? SocketAddress(unixDomainSocketPath: path) else { return false }
    let result = unsafe address.withSockAddr { unsafe connect(descriptor, $0, socklen_t($1)) }
    // A queue that is full is somebody's, and so is a socket that is not for this user.
    return result == 0 || ![ECONNREFUSED, ENOENT].contains(errno)
  }
}
