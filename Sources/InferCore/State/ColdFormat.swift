/// Recurrent state with 8 bits an element, for states that are kept and that nobody needs soon.
///
/// Blocks of 32 elements, which are neighbours in a channel of a head, with a 16-bit scale each (`WeightFormat.q8_0`), so
/// that an element is off by 1/250 of the largest of its block at most, or by 4 · 10⁻⁶ where that is more, since the least
/// scales have few bits; the elements behind the last whole block are 32-bit floats. About 0.27 of the exact state's bytes.
enum ColdFormat {
  private static let blocks = WeightFormat.q8_0

  /// The bytes of `count` elements.
  static func byteCount(_ count: Int) -> Int {
    let (whole, rest) = split(count)
    return blocks.bytes(whole) + rest
  }

  /// Rounds `count` floats.
  static func pack(_ state: UnsafePointer<Float>, into bytes: UnsafeMutableRawPointer, count: Int) {
    let (whole, rest) = split(count)
    guard let quantize = unsafe blocks.quantize else { preconditionFailure("\(blocks.name) is written") }
    unsafe quantize(bytes, state, whole)
    unsafe (bytes + blocks.bytes(whole)).copyMemory(from: state + whole, byteCount: rest)
  }

  /// Gives `count` floats back, as they were rounded.
  static func unpack(_ bytes: UnsafeRawPointer, into state: UnsafeMutablePointer<Float>, count: Int) {
    let (whole, rest) = split(count)
    unsafe blocks.unpack(state, bytes, whole)
    unsafe UnsafeMutableRawPointer(state + whole).copyMemory(from: bytes + blocks.bytes(whole), byteCount: rest)
  }

  /// The number of elements in whole blocks, and the bytes of those behind.
  private static func split(_ count: Int) -> (whole: Int, rest: Int) {
    let rest = count % blocks.blockElements
    return (count - rest, rest * MemoryLayout<Float>.stride)
  }
}
