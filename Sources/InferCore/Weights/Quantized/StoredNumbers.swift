/// A type of the scales of quantised weights, in tensors and one by one.
enum ScaleType: String, Sendable {
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  /// Powers of two, by their exponents.
  case e8m0 = "F8_E8M0"
  /// Numbers of one byte.
  case e4m3 = "F8_E4M3"

  /// The types that are numbers of their own.
  static let numbers: [ScaleType] = [.f32, .bf16, .f16]

  /// The number at a place of a table.
  func load(_ table: UnsafeRawPointer, _ index: Int) -> Float {
    switch self {
    case .f32: unsafe table.loadUnaligned(fromByteOffset: 4 * index, as: Float.self)
    case .f16: Float(unsafe table.loadUnaligned(fromByteOffset: 2 * index, as: Float16.self))
    case .bf16:
      Float(bitPattern: UInt32(unsafe table.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
    case .e8m0: Float(power: unsafe table.load(fromByteOffset: index, as: UInt8.self))
    case .e4m3: Float(e4m3: unsafe table.load(fromByteOffset: index, as: UInt8.self))
    }
  }
}

extension Float {
  /// The number that eight bits of E4M3 mean, which has no infinity. (OCP 8-bit Floating Point Specification 1.0)
  init(e4m3 bits: UInt8) {
    let (exponent, fraction) = (Int(bits >> 3 & 15), Float(bits & 7))
    let magnitude: Float =
      bits & 127 == 127
      ? .nan
      : exponent == 0
        ? fraction * 0x1p-9 : (8 + fraction) * Float(sign: .plus, exponent: exponent - 10, significand: 1)
    self = bits > 127 ? -magnitude : magnitude
  }

  /// The power of two that eight bits of E8M0 mean. (OCP Microscaling Formats 1.0)
  init(power bits: UInt8) {
    self = bits == 255 ? .nan : Float(sign: .plus, exponent: Int(bits) - 127, significand: 1)
  }

  /// The number that four bits of E2M1 mean.
  init(e2m1 bits: UInt8) {
    let magnitudes: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    self = bits & 8 == 0 ? magnitudes[Int(bits & 7)] : -magnitudes[Int(bits & 7)]
  }

  /// The bits of the nearest number of BF16, the even one of two.
  var bf16Bits: UInt16 {
    guard !isNaN else { return 0x7FC0 }
    return UInt16(truncatingIfNeeded: (bitPattern &+ 0x7FFF &+ (bitPattern >> 16 & 1)) >> 16)
  }
}
