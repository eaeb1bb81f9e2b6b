/// Finds out what a misspelt name was meant to be.
enum Spelling {
  /// The name that is nearest to `word`, if it is near: no more than a third of its letters, and two at least, differ,
  /// or one of a word of four.
  ///
  /// - Complexity: O(letters of all names × letters of `word`).
  static func nearest(to word: String, among names: some Sequence<String>) -> String? {
    let limit = word.count < 5 ? 1 : max(2, word.count / 3)
    let near = names.map { (name: $0, distance: distance(word, $0)) }.filter { $0.distance <= limit }
    return near.min { $0.distance < $1.distance }?.name
  }

  /// The end of a complaint about an unknown name: the nearest one, or nothing.
  static func hint(for word: String, among names: some Sequence<String>) -> String {
    nearest(to: word, among: names).map { "; did you mean '\($0)'?" } ?? ""
  }

  /// The number of letters that are added, removed, replaced or exchanged with their neighbour to make one word of the
  /// other (optimal string alignment: Damerau 1964).
  static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    var before: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1] + Array(repeating: 0, count: b.count)
      for j in b.indices {
        row[j + 1] = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], before[j - 1] + 1) }
      }
      (before, last) = (last, row)
    }
    return last[b.count]
  }
}
