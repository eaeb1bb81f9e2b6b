extension RandomAccessCollection where Index == Int {
  /// The index of the first element that a statement is true of, which is so of all behind it too; ``endIndex`` where it is
  /// of none. O(log n).
  package func firstIndexInOrder(where isBehind: (Element) -> Bool) -> Int {
    var (low, high) = (startIndex, endIndex)
    while low < high {
      let middle = low + (high - low) / 2
      if isBehind(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
