/// Bytes that live as long as the matrices that refer to them.
@safe final class OwnedBytes: Sendable {
  // Safe because the memory is written in `init` only.
  nonisolated(unsafe) private let buffer: AlignedBuffer
  nonisolated(unsafe) let base: UnsafeRawPointer

  /// `byteCount` bytes, which `fill` writes once.
  init<Failure>(byteCount: Int, _ fill: (UnsafeMutableRawPointer) throws(Failure) -> Void) throws(Failure) {
    unsafe buffer = AlignedBuffer(byteCount: byteCount)
    try unsafe fill(buffer.base)
    unsafe base = UnsafeRawPointer(buffer.base)
  }

  convenience init(copying bytes: UnsafeRawBufferPointer) {
    unsafe self.init(byteCount: bytes.count) { target in
      if let source = bytes.baseAddress { unsafe target.copyMemory(from: source, byteCount: bytes.count) }
    }
  }
}
