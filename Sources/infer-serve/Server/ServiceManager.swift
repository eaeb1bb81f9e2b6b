import Foundation

/// Tells the service manager that started the process how it is (https://www.freedesktop.org/software/systemd/man/sd_notify).
///
/// The manager listens on a datagram socket, whose name it has put into the environment.
struct ServiceManager: Sendable {
  private let address: [UInt8]
  /// The time within which the manager wants to hear that the process lives, halved; `nil` where it does not.
  let pulseInterval: Duration?

  /// The manager of the environment; `nil` where there is none.
  init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
    guard let name = environment["NOTIFY_SOCKET"], name.utf8.count > 1, let first = name.utf8.first else { return nil }
    var bytes = Array(name.utf8)
    // Names in the abstract namespace begin with a zero, for which an at sign stands.
    if first == UInt8(ascii: "@") { bytes[0] = 0 }
    guard first == UInt8(ascii: "@") || first == UInt8(ascii: "/"), bytes.count < Self.longestName else { return nil }
    address = bytes
    let isMeant = environment["WATCHDOG_PID"].map { Int32($0) == getpid() } ?? true
    let microseconds = environment["WATCHDOG_USEC"].flatMap(Int64.init) ?? 0
    pulseInterval = isMeant && microseconds > 0 ? .microseconds(microseconds / 2) : nil
  }

  private static var longestName: Int { MemoryLayout.size(ofValue: sockaddr_un().sun_path) }

  /// The models are loaded, and requests are taken.
  func tellReady(_ status: String) { send("READY=1\nSTATUS=\(status)") }

  /// What runs is finished, and nothing new is taken.
  func tellStopping() { send("STOPPING=1\nSTATUS=draining") }

  /// The process lives.
  func tellAlive() { if pulseInterval != nil { send("WATCHDOG=1") } }

  /// Sends a message. Nobody waits for it, and a manager that is gone does not matter.
  private func send(_ message: String) {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    var socketAddress = sockaddr_un()
    socketAddress.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &socketAddress.sun_path) { unsafe $0.copyBytes(from: address) }
    let length = socklen_t(MemoryLayout<sa_family_t>.size + address.count)
    let text = Array(message.utf8)
    unsafe withUnsafePointer(to: &socketAddress) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = unsafe sendto(
          descriptor, text, text.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT), $0, length)
      }
    }
  }
}
