/// Ranges of bytes of a text that are ascending and apart.
extension [Range<Int>] {
  /// The index of the first range that ends behind a position; ``endIndex`` when none does.
  ///
  /// - Complexity: O(log n).
  func indexOfFirst(endingBehind position: Int) -> Int { firstIndexInOrder { $0.upperBound > position } }

  /// The parts of the ranges that lie in a part of the text, counted from its start.
  func within(_ part: Range<Int>) -> [Range<Int>] {
    var moved: [Range<Int>] = []
    var index = indexOfFirst(endingBehind: part.lowerBound)
    while index < count, self[index].lowerBound < part.upperBound {
      let common = self[index].clamped(to: part)
      if !common.isEmpty { moved.append(common.lowerBound - part.lowerBound..<common.upperBound - part.lowerBound) }
      index += 1
    }
    return moved
  }
}
