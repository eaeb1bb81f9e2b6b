internal import CCrypto

/// SHA-256 (FIPS 180-4), as OpenSSL computes it. A value: a copy goes on by itself.
package struct SHA256: Sendable {
  package static let byteCount = 32

  private var context = SHA256_CTX()

  /// The hash of nothing so far.
  package init() { unsafe SHA256_Init(&context) }

  /// Adds bytes.
  package mutating func update(data: [UInt8]) { unsafe SHA256_Update(&context, data, data.count) }

  /// Adds the bytes of numbers, as they lie in memory.
  package mutating func update(floats data: [Float]) {
    unsafe SHA256_Update(&context, data, data.count * MemoryLayout<Float>.stride)
  }

  /// The hash of all bytes that were added.
  package func finalize() -> [UInt8] {
    var (context, hash) = (context, [UInt8](repeating: 0, count: Self.byteCount))
    unsafe SHA256_Final(&hash, &context)
    return hash
  }

  /// The hash of some bytes.
  package static func hash(data: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    hash.update(data: data)
    return hash.finalize()
  }
}
