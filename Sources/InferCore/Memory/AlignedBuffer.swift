/// Owned, zero-initialised memory on a 64-byte boundary (one cache line, one AVX-512 register).
@safe struct AlignedBuffer: ~Copyable {
  /// The alignment in bytes.
  static let alignment = 64

  let base: UnsafeMutableRawPointer
  let byteCount: Int

  init(byteCount: Int) {
    precondition(byteCount >= 0, "a buffer of \(byteCount) bytes")
    unsafe base = UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 1), alignment: Self.alignment)
    unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
    self.byteCount = byteCount
  }

  deinit { unsafe base.deallocate() }
}
