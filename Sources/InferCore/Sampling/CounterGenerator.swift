/// Random bits as a function of a seed and a position (SplitMix64 with the state computed directly: Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014).
///
/// Token `i` of a generation takes the bits at `i`, so that batching, preemption and other requests never shift the
/// sequence.
package struct CounterGenerator: Sendable {
  private let start: UInt64

  /// A generator whose bits are a function of `seed`.
  init(seed: UInt64) {
    // Mixed once, so that seeds which differ by a multiple of the step do not give shifted copies of one sequence.
    start = Self.mix(seed)
  }

  /// A generator for one `stream` of the numbers of a seed. Streams of neighbouring numbers have nothing in common.
  package init(seed: UInt64, stream: UInt64) { self.init(seed: Self.mix(seed) &+ stream) }

  /// 64 random bits.
  package func bits(at position: UInt64) -> UInt64 { Self.mix(start &+ (position &+ 1) &* 0x9E37_79B9_7F4A_7C15) }

  /// A number in 0 ..< 1 with 53 random bits.
  package func uniform(at position: UInt64) -> Double { Double(bits(at: position) >> 11) * 0x1p-53 }

  private static func mix(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
