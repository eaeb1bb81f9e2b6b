/// Partitions of the bytes into classes, each stored once, and those that are finer than several.
struct BytePartitions {
  private struct Pair: Hashable {
    let first: Int32
    let second: Int32
  }

  /// The number of the partition that has one class.
  static let whole: Int32 = 0

  /// The classes of bytes, 256 of each partition, numbered in the order of their least bytes.
  private var classes: [UInt8] = []
  /// The least byte of each class of each partition.
  private var leastBytes: [[UInt8]] = []
  private var numbers: [[UInt8]: Int32] = [:]
  private var products: [Pair: Int32] = [:]

  init() { _ = number { _ in 0 } }

  /// The class of a byte.
  func `class`(of byte: UInt8, in partition: Int32) -> Int { Int(classes[Int(partition) << 8 | Int(byte)]) }

  /// The least byte of each class, in ascending order.
  func leastBytes(of partition: Int32) -> [UInt8] { leastBytes[Int(partition)] }

  /// The partition into a set and the rest.
  mutating func number(of set: ByteSet) -> Int32 { number { set.contains($0) ? 1 : 0 } }

  /// The partition into some single bytes and the rest.
  mutating func number(ofBytes bytes: some Sequence<UInt8>) -> Int32 {
    var labels = [Int](repeating: 256, count: 256)
    for byte in bytes { labels[Int(byte)] = Int(byte) }
    return number { labels[Int($0)] }
  }

  /// The coarsest partition that is finer than two.
  mutating func product(_ first: Int32, _ second: Int32) -> Int32 {
    if first == second || second == Self.whole { return first }
    if first == Self.whole { return second }
    let pair = Pair(first: min(first, second), second: max(first, second))
    if let known = products[pair] { return known }
    let labels = (UInt8.min...UInt8.max).map { `class`(of: $0, in: first) << 8 | `class`(of: $0, in: second) }
    let result = number { labels[Int($0)] }
    products[pair] = result
    return result
  }

  /// The partition into bytes with the same label.
  private mutating func number(_ label: (UInt8) -> Int) -> Int32 {
    var (classes, least, known) = ([UInt8](), [UInt8](), [Int: UInt8]())
    for byte in UInt8.min...UInt8.max {
      let label = label(byte)
      let next = known[label] ?? UInt8(least.count)
      if Int(next) == least.count {
        known[label] = next
        least.append(byte)
      }
      classes.append(next)
    }
    if let number = numbers[classes] { return number }
    let number = Int32(leastBytes.count)
    self.classes += classes
    leastBytes.append(least)
    numbers[classes] = number
    return number
  }
}
