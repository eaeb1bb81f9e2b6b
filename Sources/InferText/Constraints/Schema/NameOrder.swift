import OrderedCollections

/// One order of the names in several lists.
struct NameOrder {
  /// The names whose order is that of each list which has them.
  private(set) var ordered: [JSONName] = []
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
    for name in order {
      if isFree[name] { free.append(names[name]) } else { ordered.append(names[name]) }
    }
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
