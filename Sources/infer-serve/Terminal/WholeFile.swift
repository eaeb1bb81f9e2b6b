import Glibc

/// Reads files whole, within a bound: what is no file may never end.
enum WholeFile {
  /// Why a file is not read, as the end of a sentence about it.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// The bytes of a file.
  ///
  /// - Parameters:
  ///   - limit: The most bytes that it may have.
  ///   - takesPipes: `true` for what is read once, and may come from another process.
  static func read(_ path: String, upTo limit: Int, takesPipes: Bool = false) throws(Fault) -> [UInt8] {
    // Who opens a pipe waits for the other end, unless told not to.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (takesPipes ? 0 : O_NONBLOCK))
    guard descriptor >= 0 else { throw fault() }
    defer { close(descriptor) }
    guard takesPipes || lseek(descriptor, 0, SEEK_CUR) == 0 else { throw Fault(description: "it is a pipe") }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while bytes.count <= limit {
      let count = unsafe piece.withUnsafeMutableBytes { piece in
        let count = unsafe Glibc.read(descriptor, piece.baseAddress, piece.count)
        unsafe bytes.append(contentsOf: piece.prefix(max(count, 0)))
        return count
      }
      if count == 0 { return bytes }
      guard count > 0 || errno == EINTR else { throw fault() }
    }
    throw Fault(description: "it has more than \(limit) bytes")
  }

  /// The system's last error.
  private static func fault() -> Fault { Fault(description: unsafe String(cString: strerror(errno)).lowercased()) }
}
