import TestSupport
import Testing

@testable import InferCore

@Suite struct StateStoreBytesTests {
  /// Layouts with every kind of piece, and alone.
  static let layouts: [[StateKind]] = [
    [.paged(heads: 2, headDimension: 32)], [.latent(dimension: 64)], [.recurrent(count: 7)],
    [.paged(heads: 1, headDimension: 64), .recurrent(count: 33), .latent(dimension: 32), .recurrent(count: 16)],
  ]

  static func store(_ kinds: [StateKind], _ type: KVType, pageTokens: Int = 4) throws -> StateStore {
    var layout = StateLayout()
    for kind in kinds { _ = layout.add(kind) }
    return try StateStore(layout: layout, kvType: type, pageTokens: pageTokens, pageCount: 6, slotCount: 3)
  }

  /// Fills the whole memory with noise.
  static func fill(_ store: StateStore, seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for part in store.parts(of: 0..<6 * store.pageTokens, pages: Array(0..<6), slot: 0)
      + [1, 2].flatMap({ store.parts(of: 0..<0, pages: [], slot: $0) })
    {
      store.copy((0..<store.byteCount(of: part)).map { _ in UInt8.random(in: 0...255, using: &random) }, to: part)
    }
  }

  /// The bytes of some positions and of a slot.
  static func bytes(_ store: StateStore, _ positions: Range<Int>, pages: [Int32], slot: Int32?) -> [UInt8] {
    var (all, bytes): ([UInt8], [UInt8]) = ([], [])
    for part in store.parts(of: positions, pages: pages, slot: slot) {
      store.copy(part, to: &bytes)
      all += bytes
    }
    return all
  }

  /// What is copied out of one store and into other pages and another slot of a second is the same to the bit, and
  /// everything else there stays.
  @Test(arguments: layouts, KVType.allCases) func partsAreTheSameElsewhere(kinds: [StateKind], type: KVType) throws {
    let (source, target) = (try Self.store(kinds, type), try Self.store(kinds, type))
    Self.fill(source, seed: 1)
    Self.fill(target, seed: 2)
    let (pages, others): ([Int32], [Int32]) = ([5, 0, 3, 1], [2, 4, 0, 5])
    for positions in [0..<1, 0..<16, 3..<5, 4..<8, 6..<15, 7..<7] {
      let before = Self.bytes(target, 0..<24, pages: Array(0..<6), slot: 2)
      let outside = [0..<positions.lowerBound, positions.upperBound..<16].map {
        Self.bytes(target, $0, pages: others, slot: nil)
      }
      var bytes: [UInt8] = []
      for (from, to) in zip(
        source.parts(of: positions, pages: pages, slot: 1), target.parts(of: positions, pages: others, slot: 2))
      {
        source.copy(from, to: &bytes)
        #expect(bytes.count == source.byteCount(of: from))
        target.copy(bytes, to: to)
      }
      #expect(
        Self.bytes(target, positions, pages: others, slot: 2) == Self.bytes(source, positions, pages: pages, slot: 1))
      #expect(
        outside
          == [0..<positions.lowerBound, positions.upperBound..<16].map {
            Self.bytes(target, $0, pages: others, slot: nil)
          })
      #expect(before.count == Self.bytes(target, 0..<24, pages: Array(0..<6), slot: 2).count)
      #expect(
        source.layout.bytes(of: positions, type: type)
          == Self.bytes(source, positions, pages: pages, slot: 1).count)
    }
  }
}

/// The sums of bytes of layouts whose sizes a damaged file may have.
@Suite struct StateLayoutBoundTests {
  @Test(arguments: KVType.allCases) func sumsAreBounded(_ type: KVType) {
    var layout = StateLayout()
    for _ in 0..<3 {
      _ = layout.add(.recurrent(count: .max))
      _ = layout.add(.recurrent(count: 1 << 54))
      _ = layout.add(.paged(heads: 1 << 60, headDimension: 1 << 61))
      _ = layout.add(.latent(dimension: .max - 31))
    }
    #expect(layout.slotBytes == StateLayout.mostBytes && layout.coldSlotBytes == StateLayout.mostBytes)
    for tokens in [1, 4096] { #expect(layout.pageBytes(tokens: tokens, type: type) == StateLayout.mostBytes) }
  }
}
