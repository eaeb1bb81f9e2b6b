// Integers as files and messages have them: the lowest byte first.

extension Collection where Element: FixedWidthInteger {
  /// The bytes of the integers, one behind another.
  var littleEndianBytes: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count * Element.bitWidth / 8)
    for number in self { bytes.append(littleEndian: Element.Magnitude(truncatingIfNeeded: number)) }
    return bytes
  }
}

extension [UInt8] {
  /// Appends the bytes of an integer.
  mutating func append<Integer: FixedWidthInteger & UnsignedInteger>(littleEndian integer: Integer) {
    for shift in stride(from: 0, to: Integer.bitWidth, by: 8) { append(UInt8(truncatingIfNeeded: integer >> shift)) }
  }
}

extension FixedWidthInteger {
  /// The integer of some bytes, as many as it has or fewer.
  init(littleEndianBytes bytes: some BidirectionalCollection<UInt8>) {
    self = bytes.reversed().reduce(0) { $0 << 8 | Self(truncatingIfNeeded: $1) }
  }
}

extension Array where Element: FixedWidthInteger {
  /// The integers of some bytes, one behind another; those of a last one that is not whole are left out.
  init(littleEndianBytes bytes: ArraySlice<UInt8>) {
    let size = Element.bitWidth / 8
    self = stride(from: bytes.startIndex, through: bytes.endIndex - size, by: size).map { first in
      Element(littleEndianBytes: bytes[first..<first + size])
    }
  }
}
