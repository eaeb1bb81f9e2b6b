import OrderedCollections

/// The order of the names in several lists, which is that of each list: of two names that no list has both of, any may come
/// first.
struct NameOrder {
  /// The names whose order is that of each list which has them, in one such order.
  private(set) var ordered: [JSONName] = []
  /// For each of ``ordered``, those that come before it in a list, by their indices: bit `i % 64` of word `i / 64` is that of
  /// index `i`. `nil` where these are all that stand before it.
  private(set) var before: [[UInt64]]?
  /// The names that lists put in different orders.
  private(set) var free: [JSONName] = []

  /// The order of lists, which keeps to the one in which names first come as far as it may.
  ///
  /// - Complexity: O(*n* log *n*) for *n* names in all lists together.
  init(_ lists: [[JSONName]]) {
    let names = OrderedSet(lists.joined())
    let lists = lists.map { $0.compactMap { names.firstIndex(of: $0) } }
    let order = lists.count > 1 ? Self.sorted(lists, count: names.count) : Array(names.indices)
    var places = order
    for (place, name) in order.enumerated() { places[name] = place }
    var isFree = [Bool](repeating: false, count: names.count)
    for list in lists {
      var last = -1
      for name in list where !isFree[name] {
        if places[name] < last { isFree[name] = true }
        last = max(last, places[name])
      }
    }
    var indices = places
    for name in order {
      indices[name] = ordered.count
      if isFree[name] { free.append(names[name]) } else { ordered.append(names[name]) }
    }
    let placed = lists.map { list in list.filter { !isFree[$0] }.map { indices[$0] } }
    if lists.count > 1 { before = Self.before(placed, ordered.count) }
  }

  /// The number of words up to which it is said for each name what comes before it. Names of longer lists have one order.
  private static let maxWords = 1 << 20

  private static func before(_ lists: [[Int]], _ count: Int) -> [[UInt64]]? {
    let words = (count + 63) / 64
    guard count * words <= maxWords else { return nil }
    var before = [[UInt64]](repeating: [UInt64](repeating: 0, count: words), count: count)
    for list in Set(lists) {
      var seen = [UInt64](repeating: 0, count: words)
      for index in list {
        for word in seen.indices { before[index][word] |= seen[word] }
        seen[index >> 6] |= 1 << UInt64(index & 63)
      }
    }
    let isOne = before.enumerated().allSatisfy { index, names in
      names.reduce(0) { $0 + $1.nonzeroBitCount } == index
    }
    return isOne ? nil : before
  }

  /// Numbers below `count` in an order in which each comes before the next one in every list, but where that goes in circles.
  private static func sorted(_ lists: [[Int]], count: Int) -> [Int] {
    var followers = [[Int]](repeating: [], count: count)
    for list in lists {
      for (one, next) in zip(list, list.dropFirst()) { followers[one].append(next) }
    }
    for index in followers.indices { followers[index].sort() }
    // Depth first from the last, so that a number comes right before what follows it; ends are found first.
    var (isSeen, backwards) = ([Bool](repeating: false, count: count), [Int]())
    for start in (0..<count).reversed() where !isSeen[start] {
      var path = [start]
      isSeen[start] = true
      while let number = path.last {
        if let next = followers[number].popLast() {
          if !isSeen[next] { path.append(next) }
          isSeen[next] = true
        } else {
          backwards.append(number)
          path.removeLast()
        }
      }
    }
    return backwards.reversed()
  }
}
