import Testing

@testable import InferCore

struct RecentHashesTests {
  private func hashes(_ range: Range<Int32>) -> [PrefixHash] {
    range.map { PrefixHash(CacheScope()).adding([$0][...]) }
  }

  @Test func theNewestAreRemembered() {
    var recent = RecentHashes(capacity: 1 << 12)
    let all = hashes(0..<40_960)
    #expect(!all.contains(where: recent.contains))
    for (number, hash) in all.enumerated() {
      recent.insert(hash)
      let isThere = recent.contains(hash)
      #expect(isThere, "\(number)")
    }
    let newest = all.suffix(1 << 11).filter(recent.contains).count
    #expect(newest > (1 << 11) * 99 / 100)
    #expect(all.filter(recent.contains).count <= 1 << 12)
    #expect(!all.prefix(20_480).contains(where: recent.contains))
  }

  /// One that comes again takes no second place.
  @Test func aHashIsThereOnce() {
    var recent = RecentHashes(capacity: 8)
    let all = hashes(0..<8)
    for hash in all { recent.insert(hash) }
    for _ in 0..<100 { recent.insert(all[3]) }
    #expect(all.allSatisfy(recent.contains))
  }
}
