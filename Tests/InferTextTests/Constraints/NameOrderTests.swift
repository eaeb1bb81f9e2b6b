import TestSupport
import Testing

@testable import InferText

@Suite struct NameOrderTests {
  private static func order(_ lists: [[String]]) -> (ordered: [String], free: [String]) {
    let order = NameOrder(lists.map { $0.map { JSONName($0) } })
    func texts(_ names: [JSONName]) -> [String] { names.map { String(decoding: $0.bytes, as: UTF8.self) } }
    return (texts(order.ordered), texts(order.free))
  }

  @Test(
    arguments: [
      ([["a", "b"], ["c"]], ["a", "b", "c"], []),
      (
        [["type", "coordinates", "bbox"], ["type", "geometries", "bbox"]],
        ["type", "coordinates", "geometries", "bbox"], []
      ),
      ([["b", "c"], ["a", "b"], ["c", "d"]], ["a", "b", "c", "d"], []),
      ([["a", "b"], ["c", "d"], ["d", "a"]], ["c", "d", "a", "b"], []),
      ([["k", "b", "c"], ["k", "c", "b"]], ["k", "b"], ["c"]),
    ] as [([[String]], [String], [String])]) func listsAreMerged(lists: [[String]], ordered: [String], free: [String])
  {
    let order = Self.order(lists)
    #expect(order.ordered == ordered && order.free == free, "\(order)")
  }

  /// Of two names that no list has both of, either may come first.
  @Test func namesAreBehindThoseOfTheirLists() {
    func before(_ lists: [[String]]) -> [[Int]]? {
      NameOrder(lists.map { $0.map { JSONName($0) } }).before?.map { words in
        (0..<words.count * 64).filter { words[$0 >> 6] >> UInt64($0 & 63) & 1 == 1 }
      }
    }
    #expect(before([["a", "b", "c"]]) == nil && before([["a", "b"], ["b", "c"], ["a", "b", "c"]]) == nil)
    // a, b, c, d
    #expect(before([["a", "b"], ["c", "d"]]) == [[], [0], [], [2]])
    #expect(before([["a", "b"], ["b", "c"]]) == [[], [0], [1]])
    // k, b, d and, where the lists contradict each other, c
    #expect(before([["k", "b", "c"], ["k", "c", "b"], ["d"]]) == [[], [0], []])
  }

  /// Lists of one order have no free names, and what is ordered of any lists is in the order of each.
  @Test func ordersAreKept() {
    var random = SeededGenerator(seed: 5)
    let names = (0..<12).map { "n\($0)" }
    for round in 0..<400 {
      let lists = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        let list = names.filter { _ in Bool.random(using: &random) }
        return round % 2 == 0 ? list : list.shuffled(using: &random)
      }
      let order = Self.order(lists)
      if round % 2 == 0 { #expect(order.free.isEmpty) }
      #expect(Set(order.ordered + order.free) == Set(lists.joined()))
      for list in lists {
        #expect(list.filter(order.ordered.contains) == order.ordered.filter(list.contains), "\(lists): \(order)")
      }
    }
  }
}
