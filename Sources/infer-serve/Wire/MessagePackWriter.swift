/// Writes values as MessagePack does, each in its shortest form.
struct MessagePackWriter {
  private(set) var bytes: [UInt8] = []

  /// Begins an array, whose elements follow.
  mutating func beginArray(_ count: Int) {
    if count < 16 { bytes.append(0x90 | UInt8(count)) } else { head(0xDC, count) }
  }

  mutating func write(_ value: UInt64) {
    switch value {
    case 0..<0x80: bytes.append(UInt8(value))
    case 0..<0x100: append(0xCC, value, bytes: 1)
    case 0..<0x1_0000: append(0xCD, value, bytes: 2)
    case 0..<0x1_0000_0000: append(0xCE, value, bytes: 4)
    default: append(0xCF, value, bytes: 8)
    }
  }

  mutating func write(_ value: Double) { append(0xCB, value.bitPattern, bytes: 8) }

  mutating func write(_ text: String) {
    let count = text.utf8.count
    switch count {
    case 0..<32: bytes.append(0xA0 | UInt8(count))
    case 0..<0x100: append(0xD9, UInt64(count), bytes: 1)
    default: head(0xDA, count)
    }
    bytes += text.utf8
  }

  mutating func writeNil() { bytes.append(0xC0) }

  /// A code for counts of 16 bits, whose next one is for 32.
  private mutating func head(_ code: UInt8, _ count: Int) {
    if count < 0x1_0000 { append(code, UInt64(count), bytes: 2) } else { append(code + 1, UInt64(count), bytes: 4) }
  }

  private mutating func append(_ code: UInt8, _ value: UInt64, bytes count: Int) {
    bytes.append(code)
    for index in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * index))) }
  }
}
