import TestSupport

/// Damages files in the ways that readers trip over: bits, numbers at the edges of their types, parts cut out, repeated
/// or put elsewhere, parts of another file, and words of the format.
struct Mutator {
  private let seeds: [[UInt8]]
  private let words: [[UInt8]]
  private var random: SeededGenerator

  init(seeds: [[UInt8]], words: [String], seed: UInt64) {
    self.seeds = seeds
    self.words = words.map { Array($0.utf8) }
    random = SeededGenerator(seed: seed)
  }

  /// The next input: a file of the corpus with one to eight damages.
  mutating func next() -> [UInt8] {
    var bytes = seeds[index(seeds.count)]
    for _ in 0..<1 << index(4) { damage(&bytes) }
    return bytes
  }

  private mutating func damage(_ bytes: inout [UInt8]) {
    guard !bytes.isEmpty else { return bytes = words.first ?? [0] }
    let part = slice(of: bytes.count)
    switch index(8) {
    case 0: bytes[part.lowerBound] ^= 1 << UInt8(index(8))
    case 1: bytes[part.lowerBound] = UInt8(index(256))
    case 2: writeNumber(to: &bytes, at: part.lowerBound)
    case 3: bytes.removeSubrange(part)
    case 4: bytes.insert(contentsOf: bytes[part], at: index(bytes.count))
    case 5:
      let other = seeds[index(seeds.count)]
      if !other.isEmpty { bytes.insert(contentsOf: other[slice(of: other.count)], at: part.lowerBound) }
    case 6: if !words.isEmpty { bytes.insert(contentsOf: words[index(words.count)], at: part.lowerBound) }
    default: if !words.isEmpty { bytes.replaceSubrange(part, with: words[index(words.count)]) }
    }
  }

  private mutating func writeNumber(to bytes: inout [UInt8], at start: Int) {
    let edges: [UInt64] = [
      0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x7FFF_FFFF_FFFF_FFFF,
      0x8000_0000_0000_0000, .max, .max - 7, 1 << 20, 1 << 32, 1 << 40, 1 << 61,
    ]
    let value = edges[index(edges.count)]
    for offset in 0..<1 << index(4) where start + offset < bytes.count {
      bytes[start + offset] = UInt8(truncatingIfNeeded: value >> UInt64(8 * offset))
    }
  }

  /// A place and a length, short ones more often.
  private mutating func slice(of count: Int) -> Range<Int> {
    let start = index(count)
    let longest = min(count - start, 1 << index(12))
    return start..<start + 1 + index(longest)
  }

  private mutating func index(_ count: Int) -> Int { Int.random(in: 0..<count, using: &random) }
}
