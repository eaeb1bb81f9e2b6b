internal import CZlib

/// Decompression by zlib into bounded memory.
enum Inflater {
  /// The frame around the compressed bytes. Raw values are zlib's `windowBits` for it.
  enum Frame: Int32 {
    case raw = -15
    case zlib = 15
    case gzip = 31
  }

  enum Fault: Error {
    /// More comes out than the limit.
    case tooLarge
    case damaged(String)
  }

  private static let chunk = 64 << 10

  /// Whether the bytes begin as a zlib frame does (RFC 1950, section 2.2).
  static func hasZlibHeader(_ bytes: [UInt8]) -> Bool {
    guard bytes.count >= 2 else { return false }
    return bytes[0] & 0x0F == 8 && (UInt16(bytes[0]) << 8 | UInt16(bytes[1])) % 31 == 0
  }

  /// Decompresses bytes, to `limit` bytes at most. Several gzip frames, one after another, are one text.
  static func inflate(_ bytes: [UInt8], _ frame: Frame, limit: Int) throws(Fault) -> [UInt8] {
    guard let count = UInt32(exactly: bytes.count) else { throw .tooLarge }
    // zlib keeps the stream's address.
    let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    defer { unsafe stream.deallocate() }
    guard unsafe czlib_inflate_init(stream, frame.rawValue) == Z_OK else { throw .damaged("zlib has no memory") }
    defer { unsafe inflateEnd(stream) }
    var output: [UInt8] = []
    var room = [UInt8](repeating: 0, count: chunk)
    let fault: Fault? = unsafe bytes.withUnsafeBufferPointer { input in
      unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      unsafe stream.pointee.avail_in = count
      do throws(Fault) {
        while try unsafe step(stream, frame, &room, &output, limit: limit) {}
        return nil
      } catch { return error }
    }
    if let fault { throw fault }
    return output
  }

  /// Decompresses a chunk; returns whether there is more.
  private static func step(
    _ stream: UnsafeMutablePointer<z_stream>, _ frame: Frame, _ room: inout [UInt8], _ output: inout [UInt8], limit: Int
  ) throws(Fault) -> Bool {
    let status = unsafe room.withUnsafeMutableBufferPointer { room in
      unsafe stream.pointee.next_out = room.baseAddress
      unsafe stream.pointee.avail_out = UInt32(room.count)
      return unsafe CZlib.inflate(stream, Z_NO_FLUSH)
    }
    let count = unsafe room.count - Int(stream.pointee.avail_out)
    guard count <= limit - output.count else { throw .tooLarge }
    output += room[..<count]
    switch status {
    case Z_STREAM_END:
      if unsafe stream.pointee.avail_in == 0 { return false }
      guard frame == .gzip, unsafe inflateReset(stream) == Z_OK else { throw .damaged("bytes follow its end") }
      return true
    case Z_OK: return true
    // No progress, though there is room: input has run out.
    case Z_BUF_ERROR: throw .damaged("it ends too early")
    default: throw .damaged(unsafe stream.pointee.msg.map { unsafe String(cString: $0) } ?? "zlib reports \(status)")
    }
  }
}
